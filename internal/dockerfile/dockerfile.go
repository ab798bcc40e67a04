// Package dockerfile reads the stages of a Dockerfile's text, as BuildKit's own frontend does. It is pure.
package dockerfile

import (
	"fmt"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
)

// File is a Dockerfile. The zero value has no stages.
type File struct {
	Stages []instructions.Stage
	Global []instructions.ArgCommand // the arguments before the first FROM

	escape rune
}

// These bound the parsed text: BuildKit's parser descends into nested ONBUILD, and copies the text before each continued line.
const (
	maxText    = 256 << 10 // bytes
	maxOnbuild = 1000
)

var onbuild = lazyregexp.New(`(?i)onbuild`)

// parse is the only caller of BuildKit's parser.
func parse(text string) (*parser.Result, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("read the Dockerfile: it has more than %d KiB", maxText>>10)
	}
	if len(onbuild().FindAllStringIndex(text, maxOnbuild+1)) > maxOnbuild {
		return nil, fmt.Errorf("read the Dockerfile: it has more than %d ONBUILD", maxOnbuild)
	}
	parsed, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read the Dockerfile: %w", err)
	}
	return parsed, nil
}

// Parse reads a Dockerfile. It fails for a text that BuildKit's parser refuses, which may be another frontend's, and for a very
// long one.
func Parse(text string) (File, error) {
	parsed, err := parse(text)
	if err != nil {
		return File{}, err
	}
	stages, global, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return File{}, fmt.Errorf("read the Dockerfile: %w", err)
	}
	return File{Stages: stages, Global: global, escape: parsed.EscapeToken}, nil
}

// Outline reads the stages without their instructions, which takes half the time of [Parse].
func Outline(text string) (File, error) {
	parsed, err := parse(text)
	if err != nil {
		return File{}, err
	}
	var f File
	for _, node := range parsed.AST.Children {
		if !strings.EqualFold(node.Value, "from") {
			continue
		}
		from, err := instructions.ParseInstruction(node)
		if err != nil {
			return File{}, fmt.Errorf("read the Dockerfile: %w", err)
		}
		if stage, ok := from.(*instructions.Stage); ok {
			f.Stages = append(f.Stages, *stage)
		}
	}
	return f, nil
}

// Line returns the line on which an instruction begins, from 1, or 0 if it is unknown.
func Line(ranges []parser.Range) int {
	if len(ranges) == 0 {
		return 0
	}
	return ranges[0].Start.Line
}

// At returns the index of the stage that a line, from 1, is in. ok is false before the first FROM.
func (f File) At(line int) (i int, ok bool) {
	for k := range f.Stages {
		if from := Line(f.Stages[k].Location); from > 0 && from <= line {
			i, ok = k, true
		}
	}
	return i, ok
}

// Under returns the stages that the i-th goes on from, itself first.
func (f File) Under(i int) []int {
	chain := []int{i}
	for {
		k, ok := f.Base(i)
		if !ok {
			return chain
		}
		chain, i = append(chain, k), k
	}
}

// Base returns the stage that the i-th is based on; ok is false if that is an image.
func (f File) Base(i int) (base int, ok bool) { return f.before(i, f.Stages[i].BaseName) }

// before returns the last stage of a name before the i-th. The frontend uses that one too.
func (f File) before(i int, name string) (int, bool) {
	for k := i - 1; k >= 0; k-- {
		if name != "" && strings.EqualFold(f.Stages[k].Name, name) {
			return k, true
		}
	}
	return 0, false
}

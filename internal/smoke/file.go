package smoke

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/shlex"
	"go.yaml.in/yaml/v3"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// FileError is a mistake in a file of tests. Line counts from 1; 0 means the whole file.
type FileError struct {
	Line int
	Err  error
}

func (e *FileError) Error() string {
	if e.Line == 0 {
		return e.Err.Error()
	}
	return fmt.Sprintf("line %d: %v", e.Line, e.Err)
}
func (e *FileError) Unwrap() error { return e.Err }

func errorAt(at *yaml.Node, format string, args ...any) error {
	return &FileError{at.Line, fmt.Errorf(format, args...)}
}

// Located is a test with the line of a file that it begins at.
type Located struct {
	Test
	Line int
}

// Parse reads a file of tests: a YAML list, each item with the keys of [keys]. Anything else is refused with a [*FileError].
func Parse(data []byte) ([]Located, error) {
	var doc, more yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, syntaxError(err)
	}
	switch err := decoder.Decode(&more); {
	case err == nil:
		return nil, errorAt(&more, "there is a second YAML document: want one list of all tests")
	case !errors.Is(err, io.EOF):
		return nil, syntaxError(err)
	}
	if len(doc.Content) == 0 {
		return nil, &FileError{0, errors.New("the file has no tests")}
	}
	list := doc.Content[0]
	if list.Kind != yaml.SequenceNode {
		return nil, errorAt(list, "want a list of tests, each with a command: \"- command: app --version\"")
	}
	var tests []Located
	for _, item := range list.Content {
		t := Located{Line: item.Line}
		if err := each(item, func(key, value *yaml.Node) error {
			set, ok := keys[key.Value]
			if !ok {
				return errorAt(key, "unknown key %q (the keys are %s)", key.Value, strings.Join(keyNames(), ", "))
			}
			return set(&t.Test, value)
		}); err != nil {
			return nil, err
		}
		if t.Name == "" {
			t.Name = t.CommandLine()
		}
		tests = append(tests, t)
	}
	if len(tests) == 0 {
		return nil, &FileError{list.Line, errors.New("the file has no tests")}
	}
	return tests, nil
}

// syntaxError finds the line in the library's message, "yaml: line 3: …".
func syntaxError(err error) error {
	text, line := strings.TrimPrefix(err.Error(), "yaml: "), 0
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if _, scanErr := fmt.Sscanf(rest, "%d:", &line); scanErr == nil {
			_, text, _ = strings.Cut(rest, ": ")
		}
	}
	return &FileError{line, errors.New(text)}
}

// each calls fn for the keys of a mapping, in their order.
func each(node *yaml.Node, fn func(key, value *yaml.Node) error) error {
	node = resolved(node)
	if node.Kind != yaml.MappingNode {
		return errorAt(node, "want keys and values, not %q", node.Value)
	}
	seen := map[string]bool{}
	for pair := range slices.Chunk(node.Content, 2) {
		key := pair[0]
		if seen[key.Value] {
			return errorAt(key, "the key %q is set twice", key.Value)
		}
		seen[key.Value] = true
		if err := fn(key, resolved(pair[1])); err != nil {
			return err
		}
	}
	return nil
}

// resolved follows an alias.
func resolved(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func keyNames() []string {
	names := make([]string, 0, len(keys))
	for name := range keys {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// SplitWords splits a command as a shell does, with quotes and backslashes; no other shell syntax is supported. nil means no words.
func SplitWords(text string) ([]string, error) {
	words, err := shlex.Split(text)
	if err != nil {
		return nil, fmt.Errorf("%q cannot be split into words: %w", text, err)
	}
	if len(words) == 0 {
		return nil, nil
	}
	return words, nil
}

func parsePlatforms(names []string) ([]platform.Platform, error) {
	ps, _, err := platform.Parse(names...)
	return ps, err
}

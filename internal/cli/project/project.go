// Package project reads the project file, which describes a project's image, and decides which environment variables that file may use.
package project

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/source"
)

// Name is the name of the project file in the root of a local build context. The file is never read from a git, http or standard input
// context: a person who can change such a context must not choose where the result is pushed.
const Name = ".docker-multiarch.yaml"

// maxProject is the largest size of the project file, in bytes.
const maxProject = 64 << 10

// File is the content of a project file.
type File struct {
	// Image is one name or a list of names, each with an optional tag; ${VAR} is taken from the environment if [Allowed] permits it.
	Image linedList `yaml:"image"`
	// Platforms are the platforms to build for.
	Platforms stringList `yaml:"platforms"`
	// MediaTypes is "oci" or "docker".
	MediaTypes string `yaml:"media-types"`
	// Cross has the values of --cross.
	Cross stringList `yaml:"cross"`
	// Fallback is the value of --fallback.
	Fallback string `yaml:"fallback"`
}

// linedList is a stringList with its line.
type linedList struct {
	stringList
	Line int // from 1
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (l *linedList) UnmarshalYAML(node *yaml.Node) error {
	l.Line = node.Line
	return l.stringList.UnmarshalYAML(node)
}

// stringList is a YAML scalar or a list of scalars.
type stringList []string

// UnmarshalYAML implements yaml.Unmarshaler.
func (l *stringList) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*l = stringList{node.Value}
		return nil
	}
	return node.Decode((*[]string)(l))
}

// Read reads the project file of a build context. For a context without one, or not in a local directory, the result is empty. Unknown
// keys are refused with their line.
func Read(context string) (File, error) {
	var p File
	dir, ok := source.LocalContext(context)
	if !ok {
		return p, nil
	}
	data, err := source.ReadInContext(dir, Name, maxProject)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("%s %w", Name, err)
	}
	return parseProject(data)
}

// parseProject parses the file's text. An error shows at most the beginning of an unknown key.
func parseProject(data []byte) (p File, err error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&p); err != nil && !errors.Is(err, io.EOF) { // nothing but comments
		return File{}, fmt.Errorf("%s: %s (the keys are image, platforms, media-types, cross, fallback)", Name, yamlError(err))
	}
	return p, nil
}

// yamlError returns the library's error without Go type names and without values.
func yamlError(err error) string {
	var typed *yaml.TypeError
	if !errors.As(err, &typed) {
		line, _, ok := strings.Cut(strings.TrimPrefix(err.Error(), "yaml: "), ": ")
		if number, found := strings.CutPrefix(line, "line "); !ok || !found || keyPrefix(number) != number {
			return "invalid YAML"
		}
		return line + ": invalid YAML"
	}
	words := make([]string, min(len(typed.Errors), 5))
	for i, e := range typed.Errors[:len(words)] {
		line, rest, _ := strings.Cut(e, ": ")
		words[i] = line + ": the value must be a string or a list of strings"
		if key, ok := strings.CutPrefix(rest, "field "); ok {
			words[i] = fmt.Sprintf("%s: unknown key %q", line, keyPrefix(key))
		}
		if key, ok := strings.CutPrefix(rest, "mapping key "); ok {
			words[i] = fmt.Sprintf("%s: duplicate key %q", line, keyPrefix(strings.TrimPrefix(key, `"`)))
		}
	}
	return strings.Join(words, "; ")
}

// keyPrefix returns the beginning of a text that may be a key: 40 letters and digits.
func keyPrefix(text string) string {
	end := strings.IndexFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	})
	if end < 0 {
		end = len(text)
	}
	return text[:min(end, 40)]
}

// Choice is a setting and its source.
type Choice struct {
	Values []string
	From   string
}

// One returns the first value; "" if there is none.
func (c Choice) One() string {
	if len(c.Values) == 0 {
		return ""
	}
	return c.Values[0]
}

// Flags are the values of the flags for settings that a project file may have, too.
type Flags struct {
	Names, Platforms []string
	MediaTypes       string
}

// Resolve chooses the names, the platforms and the media types: by flags, else the environment, else the project file.
func Resolve(w *cli.Env, p File, flags Flags) (names, platforms, media Choice) {
	names = First(Choice{flags.Names, "-t"}, fromEnv(w, "DOCKER_MULTIARCH_IMAGE"), Choice{p.Image.stringList, Name})
	platforms = First(Choice{flags.Platforms, "--platform"}, fromEnv(w, "DOCKER_DEFAULT_PLATFORM"), Choice{p.Platforms, Name + ": platforms"})
	media = First(Choice{cli.NonEmpty(flags.MediaTypes), "--media-types"}, Choice{cli.NonEmpty(p.MediaTypes), Name + ": media-types"})
	return names, platforms, media
}

// First returns the first choice that has values, else the last one.
func First(choices ...Choice) Choice {
	for _, c := range choices {
		if len(c.Values) > 0 {
			return c
		}
	}
	return choices[len(choices)-1]
}

// fromEnv returns a setting from the environment; several values have commas between them.
func fromEnv(w *cli.Env, name string) Choice {
	value, _ := w.LookupEnv(name)
	if value == "" {
		return Choice{From: name}
	}
	return Choice{strings.Split(value, ","), name}
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/docker-multiarch/docker-multiarch/internal/build"
)

// projectFile says once, in the root of a local build context, what a project is. It is never read from a git, http or standard
// input context: who can change such a context must not choose where the result is pushed.
const projectFile = ".docker-multiarch.yaml"

// project is the content of a project's file.
type project struct {
	// Image is one name or a list of names, each with an optional tag; ${VAR} is taken from the environment.
	Image stringList `yaml:"image"`
	// Platforms to build for.
	Platforms stringList `yaml:"platforms"`
	// MediaTypes is "oci" or "docker".
	MediaTypes string `yaml:"media-types"`
	// Cross is what --cross says.
	Cross stringList `yaml:"cross"`
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

// readProject reads the project's file of a build context. A context without one, or that is no local directory, has an empty
// project. Unknown keys are refused with their line.
func readProject(context string) (project, error) {
	var p project
	dir, ok := build.LocalContext(context)
	if !ok {
		return p, nil
	}
	data, err := os.ReadFile(filepath.Join(dir, projectFile))
	if errors.Is(err, os.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("%s: %w", projectFile, err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&p); err != nil && !errors.Is(err, io.EOF) { // nothing but comments
		return p, fmt.Errorf("%s: %s (the keys are image, platforms, media-types, cross)", projectFile, yamlWords(err))
	}
	return p, nil
}

// yamlWords says what the library means without naming our Go types.
func yamlWords(err error) string {
	var typed *yaml.TypeError
	if !errors.As(err, &typed) {
		return strings.TrimPrefix(err.Error(), "yaml: ")
	}
	words := make([]string, len(typed.Errors))
	for i, e := range typed.Errors {
		line, rest, _ := strings.Cut(e, ": ")
		if key, ok := strings.CutPrefix(rest, "field "); ok {
			key, _, _ = strings.Cut(key, " ")
			rest = fmt.Sprintf("unknown key %q", key)
		}
		if strings.HasPrefix(rest, "cannot unmarshal ") {
			rest = "want a text, or a list of texts"
		}
		words[i] = line + ": " + rest
	}
	return strings.Join(words, "; ")
}

// choice is a setting and where it came from.
type choice struct {
	values []string
	from   string
}

func (c choice) one() string {
	if len(c.values) == 0 {
		return ""
	}
	return c.values[0]
}

// settle chooses the names, the platforms and the media types: flags, else environment, else the project's file.
func settle(w *world, o buildOptions, p project) (names, platforms, media choice) {
	names = first(choice{o.tags, "-t"}, w.fromEnv("DOCKER_MULTIARCH_IMAGE"), choice{p.Image, projectFile})
	platforms = first(choice{o.platforms, "--platform"}, w.fromEnv("DOCKER_DEFAULT_PLATFORM"), choice{p.Platforms, projectFile})
	media = first(choice{nonEmpty(o.mediaTypes), "--media-types"}, choice{nonEmpty(p.MediaTypes), projectFile})
	return names, platforms, media
}

func first(choices ...choice) choice {
	for _, c := range choices {
		if len(c.values) > 0 {
			return c
		}
	}
	return choices[len(choices)-1]
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

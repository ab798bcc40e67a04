package merge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

// maxMetadata is the largest size in bytes of a metadata file.
const maxMetadata = 4 << 20

// buildMetadata is the content of a build's metadata file (docs/metadata.md; docker buildx's has the first two keys).
type buildMetadata struct {
	Digest    digest.Digest `json:"containerimage.digest"`
	Name      string        `json:"image.name"`
	Multiarch *struct {
		Tags     []json.RawMessage `json:"tags"`
		ByDigest []string          `json:"byDigest"`
		Source   struct {
			Revision string `json:"revision"`
			Run      string `json:"run"`
		} `json:"source"`
	} `json:"multiarch"`
}

// UnpushedError means that the metadata file of a build names no image in a registry.
type UnpushedError struct {
	File    string
	Unnamed bool // the file has no name; otherwise the build pushed nothing
}

func (e *UnpushedError) Error() string {
	if e.Unnamed {
		return fmt.Sprintf("the metadata file %q has no name of an image (image.name)", e.File)
	}
	return fmt.Sprintf("the build of the metadata file %q pushed nothing", e.File)
}

// readMetadata reads the metadata file of a build that pushed its result.
func readMetadata(name string) (Argument, error) {
	f, err := os.Open(name)
	if err != nil {
		return Argument{}, reason(name, err)
	}
	body, err := io.ReadAll(io.LimitReader(f, maxMetadata))
	if err := errors.Join(err, f.Close()); err != nil {
		return Argument{}, reason(name, err)
	}
	m := &buildMetadata{}
	if err := json.Unmarshal(body, m); err != nil {
		return Argument{}, fmt.Errorf("%q is not the metadata file of a build: %w", name, err)
	}
	word := Argument{Text: name, buildMetadata: m}
	switch {
	case m.Digest == "" && m.Name == "":
		return Argument{}, fmt.Errorf("%q is not the metadata file of a build: it has neither containerimage.digest nor image.name", name)
	case m.Digest == "":
		return Argument{}, fmt.Errorf("the build of the metadata file %q made no image", name)
	case m.Name == "":
		return Argument{}, &UnpushedError{File: name, Unnamed: true}
	case m.Multiarch != nil && len(m.Multiarch.Tags)+len(m.Multiarch.ByDigest) == 0:
		return Argument{}, &UnpushedError{File: name}
	}
	for text := range strings.SplitSeq(m.Name, ",") {
		named, err := reference.ParseNormalizedNamed(text)
		if err != nil {
			return Argument{}, fmt.Errorf("%q: image.name %q: %w", name, text, err)
		}
		ref, err := reference.WithDigest(reference.TrimNamed(named), m.Digest)
		if err != nil {
			return Argument{}, fmt.Errorf("%q: containerimage.digest %q: %w", name, m.Digest, err)
		}
		if !slices.ContainsFunc(word.refs, func(r reference.Named) bool { return r.String() == ref.String() }) {
			word.refs = append(word.refs, ref)
		}
	}
	return word, nil
}

// oneOrigin refuses metadata of several repositories, commits or runs. A file without a commit or run is not compared.
func oneOrigin(words []Argument) error {
	for _, field := range []struct {
		name string
		of   func(Argument) string
	}{
		{"repositories", func(w Argument) string { return strings.Join(w.repositories(), ", ") }},
		{"commits", func(w Argument) string { return w.source().Revision }},
		{"CI runs", func(w Argument) string { return w.source().Run }},
	} {
		var first Argument
		for _, w := range words {
			if w.buildMetadata == nil || field.of(w) == "" {
				continue
			}
			if first.buildMetadata == nil {
				first = w
			}
			if a, b := field.of(first), field.of(w); a != b {
				return fmt.Errorf("%q and %q come from two %s, %s and %s; to merge them all the same, name the second by its digest: %s",
					first.Text, w.Text, field.name, a, b, reference.FamiliarString(w.refs[0]))
			}
		}
	}
	return nil
}

func (w Argument) repositories() (names []string) {
	for _, ref := range w.refs {
		names = append(names, reference.FamiliarName(ref))
	}
	slices.Sort(names)
	return names
}

func (w Argument) source() (s struct{ Revision, Run string }) {
	if w.buildMetadata != nil && w.buildMetadata.Multiarch != nil {
		s.Revision, s.Run = w.buildMetadata.Multiarch.Source.Revision, w.buildMetadata.Multiarch.Source.Run
	}
	return s
}

package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// LocalPlatform replaces the word "local" by the platform of this program, as docker buildx does.
func LocalPlatform(lists []string) []string {
	replaced := make([]string, len(lists))
	for i, list := range lists {
		words := strings.Split(list, ",")
		for k, word := range words {
			if strings.EqualFold(strings.TrimSpace(word), "local") {
				words[k] = platforms.Format(platforms.DefaultSpec())
			}
		}
		replaced[i] = strings.Join(words, ",")
	}
	return replaced
}

// ParseFamily parses the value of --media-types.
func ParseFamily(s string) (manifest.Family, error) {
	switch s {
	case "", "oci":
		return manifest.OCI, nil
	case "docker":
		return manifest.Docker, nil
	}
	return "", fmt.Errorf("%q is not one of oci, docker", s)
}

// MaxShown is the length up to which an error shows a name.
const MaxShown = 200

// ParseTags expands ${VAR} and parses each name, and adds "latest" if there is no tag.
func ParseTags(names []string, lookup func(string) (string, bool)) ([]reference.NamedTagged, error) {
	var tags []reference.NamedTagged
	seen := map[string]bool{}
	for _, name := range names {
		expanded, err := Expand(name, lookup)
		if err != nil {
			return nil, err
		}
		named, err := reference.ParseNormalizedNamed(expanded)
		if err != nil && expanded != name {
			err = errors.New("it is not a valid name after its variables are replaced") // a value may be a secret
		}
		if err != nil {
			return nil, fmt.Errorf("invalid image name %q: %w", Cut(name, MaxShown), err)
		}
		if _, ok := named.(reference.Digested); ok {
			return nil, fmt.Errorf("invalid image name %q: a digest cannot be chosen, give a tag", Cut(name, MaxShown))
		}
		tagged, ok := reference.TagNameOnly(named).(reference.NamedTagged)
		if ok && !seen[tagged.String()] {
			seen[tagged.String()] = true
			tags = append(tags, tagged)
		}
	}
	return tags, nil
}

// Expand replaces ${VAR} by the environment's value. An unset or empty variable is refused, since an incomplete name could lead to a
// push to the wrong repository. Errors show the text as it was written, not the values.
func Expand(text string, lookup func(string) (string, bool)) (string, error) {
	var out strings.Builder
	s := text
	for {
		before, rest, ok := strings.Cut(s, "${")
		out.WriteString(before)
		if !ok {
			return out.String(), nil
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			return "", fmt.Errorf("%q: there is no } after ${", Cut(text, MaxShown))
		}
		if !IsVariable(name) {
			return "", fmt.Errorf("%q: the text between ${ and } is not the name of an environment variable", Cut(text, MaxShown))
		}
		value, ok := lookup(name)
		if !ok || value == "" {
			return "", fmt.Errorf("%q: the environment variable %s is not set", Cut(text, MaxShown), name)
		}
		out.WriteString(value)
		s = after
	}
}

var variableName = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]{0,99}$`)

// IsVariable reports whether a word can be the name of an environment variable.
func IsVariable(name string) bool { return variableName().MatchString(name) }

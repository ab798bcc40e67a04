package main

import (
	"fmt"
	"strings"

	"github.com/distribution/reference"
)

// parseTags expands ${VAR} and parses each name, adding "latest" where there is no tag.
func parseTags(names []string, lookup func(string) (string, bool)) ([]reference.NamedTagged, error) {
	var tags []reference.NamedTagged
	seen := map[string]bool{}
	for _, name := range names {
		expanded, err := expand(name, lookup)
		if err != nil {
			return nil, err
		}
		named, err := reference.ParseNormalizedNamed(expanded)
		if err != nil {
			return nil, fmt.Errorf("invalid image name %q: %w", expanded, err)
		}
		if _, ok := named.(reference.Digested); ok {
			return nil, fmt.Errorf("invalid image name %q: a digest cannot be chosen, give a tag", expanded)
		}
		tagged, ok := reference.TagNameOnly(named).(reference.NamedTagged)
		if ok && !seen[tagged.String()] {
			seen[tagged.String()] = true
			tags = append(tags, tagged)
		}
	}
	return tags, nil
}

// expand replaces ${VAR} by the environment's value. A variable that is not set, or empty, is refused: half a name would be
// pushed to the wrong place.
func expand(s string, lookup func(string) (string, bool)) (string, error) {
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "${")
		out.WriteString(before)
		if !ok {
			return out.String(), nil
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			return "", fmt.Errorf("%q: there is no } after ${", s)
		}
		value, ok := lookup(name)
		if !ok || value == "" {
			return "", fmt.Errorf("%q: the environment variable %s is not set", s, name)
		}
		out.WriteString(value)
		s = after
	}
}

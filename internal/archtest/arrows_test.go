package archtest

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// modulePath is how the import path of each of our packages begins.
const modulePath = "github.com/docker-multiarch/docker-multiarch/"

// onlyTests are packages that only tests import, by the end of their name.
var onlyTests = regexp.MustCompile(`(test|faultregistry)$`)

// row is a line of the table of packages in docs/design.md: name, responsibility, imports.
var row = regexp.MustCompile("^\\| `([a-z0-9/-]+)` \\| .* \\| ([^|]*) ?\\|$")

// drawn are the arrows of the table in docs/design.md: the packages of ours that each package imports.
func drawn(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "design.md"))
	if err != nil {
		t.Fatal(err)
	}
	arrows := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		if match := row.FindStringSubmatch(strings.TrimSpace(line)); match != nil {
			arrows[match[1]] = strings.FieldsFunc(match[2], func(r rune) bool { return r == ',' || r == ' ' })
		}
	}
	return arrows
}

// imported are the packages of ours that a package's files import, sorted; those of its tests are not counted.
func imported(p listed) []string {
	var names []string
	for _, path := range p.Imports {
		if name, ours := strings.CutPrefix(path, modulePath); ours {
			names = append(names, name)
		}
	}
	return slices.Sorted(slices.Values(names))
}

func TestTheArrowsAreThoseOfTheDesign(t *testing.T) {
	arrows := drawn(t)
	ours, _ := packages(t)
	for _, p := range ours {
		name := strings.TrimPrefix(p.ImportPath, modulePath)
		if onlyTests.MatchString(name) || strings.HasPrefix(name, "e2e") {
			continue
		}
		got := imported(p)
		if !slices.Equal(got, slices.Sorted(slices.Values(arrows[name]))) {
			t.Errorf("%s imports %s; docs/design.md has %q", name, strings.Join(got, ", "), strings.Join(arrows[name], ", "))
		}
		for _, to := range got {
			if onlyTests.MatchString(to) {
				t.Errorf("%s imports %s, which is for tests", name, to)
			}
		}
		delete(arrows, name)
	}
	for _, name := range slices.Sorted(maps.Keys(arrows)) {
		t.Errorf("docs/design.md has %s, which does not exist", name)
	}
}

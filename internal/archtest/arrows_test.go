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

// modulePath is the prefix of the import path of each of our packages.
const modulePath = "github.com/docker-multiarch/docker-multiarch/"

// program is the main package of the program: packages that it does not import, directly or through others, are for tests.
const program = "cmd/docker-multiarch"

// row is a line of the table of packages in docs/design.md: name, responsibility, imports.
var row = regexp.MustCompile("^\\| `([a-z0-9/-]+)` \\| .* \\| ([^|]*) ?\\|$")

// drawn returns the arrows of the table in docs/design.md: the packages of ours that each package imports.
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

// imported returns the packages of ours that each package of the program imports, sorted; imports of tests are not counted.
func imported(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	ours, _ := packages(t)
	for _, p := range ours {
		var names []string
		for _, path := range p.Imports {
			if name, ours := strings.CutPrefix(path, modulePath); ours {
				names = append(names, name)
			}
		}
		all[strings.TrimPrefix(p.ImportPath, modulePath)] = slices.Sorted(slices.Values(names))
	}
	reached := map[string][]string{}
	for next := []string{program}; len(next) > 0; next = next[1:] {
		if _, seen := reached[next[0]]; !seen {
			reached[next[0]] = all[next[0]]
			next = append(next, all[next[0]]...)
		}
	}
	return reached
}

func TestTheArrowsAreThoseOfTheDesign(t *testing.T) {
	arrows, imports := drawn(t), imported(t)
	if len(imports) < 20 {
		t.Fatalf("the program has %d packages only", len(imports))
	}
	for _, name := range slices.Sorted(maps.Keys(imports)) {
		if drawn, got := arrows[name], imports[name]; !slices.Equal(got, slices.Sorted(slices.Values(drawn))) {
			t.Errorf("%s imports %s; docs/design.md has %q", name, strings.Join(got, ", "), strings.Join(drawn, ", "))
		}
		delete(arrows, name)
	}
	for _, name := range slices.Sorted(maps.Keys(arrows)) {
		t.Errorf("docs/design.md has %s, which is no package of the program", name)
	}
}

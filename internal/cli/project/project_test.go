package project

import (
	"os"
	"strings"
	"testing"
)

func FuzzParseProject(f *testing.F) {
	for _, seed := range []string{"image: app\nplatforms: [linux/arm64]\n", "image: [a, b]\nmedia-types: oci\ncross: off\n", "image: {a: b}\n", "x: &a [*a]\n", "a: !!binary x\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := parseProject(data)
		if err != nil && len(err.Error()) > 1000 {
			t.Errorf("%d bytes of error", len(err.Error()))
		}
	})
}

func TestTheFreeVariablesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/project-file.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range freeVariables {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("%s is not in docs/project-file.md", name)
		}
	}
}

package cli_test

import (
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

func TestExpandReplacesVariables(t *testing.T) {
	lookup := func(name string) (string, bool) { return "<" + name + ">", name != "UNSET" }
	for in, want := range map[string]string{"app": "app", "${A}": "<A>", "a${A}b${B}c": "a<A>b<B>c", "$A": "$A", "a}": "a}"} {
		if got, err := cli.Expand(in, lookup); err != nil || got != want {
			t.Errorf("%s: got %q, %v", in, got, err)
		}
	}
}

func FuzzExpand(f *testing.F) {
	for _, seed := range []string{"app:${VERSION}", "${A}${B}", "${", "${}", "$${A}}", "${A${B}}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		const value = "s3cr3t-v4lue"
		_, err := cli.Expand(text, func(name string) (string, bool) {
			if !cli.IsVariable(name) {
				t.Errorf("%q is looked up", name)
			}
			return value, true
		})
		if err != nil && !strings.Contains(text, value) && strings.Contains(err.Error(), value) {
			t.Errorf("a value is shown: %v", err)
		}
		if same, err := cli.Expand(text, func(name string) (string, bool) { return "${" + name + "}", true }); err == nil && same != text {
			t.Errorf("%q became %q", text, same)
		}
	})
}

package smoke

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

var sameTests = cmp.Comparer(func(a, b *regexp.Regexp) bool {
	return (a == nil) == (b == nil) && (a == nil || a.String() == b.String())
})

func TestAFileSaysAllThatATestCan(t *testing.T) {
	got, err := Parse([]byte(`
- command: app --version
- name: answers
  platforms: [linux/amd64, arm64]
  entrypoint: ""
  command: [sh, -c, "echo 'x y'"]
  env: {A: b, C: "1"}
  user: 1000
  workdir: /tmp
  stdin: |
    hello
  exit: 3
  stdout: {equals: "x y"}
  stderr:
    contains: [one, two]
    matches: ^o
  network: true
  timeout: 90
  memory: 256m
- env: [A=b=c]
  platforms: linux/arm/v7
  network: mine
  timeout: 1m30s
- network: false
`))
	if err != nil {
		t.Fatal(err)
	}
	xy := "x y"
	amd64, arm64 := platform.Platform{OS: "linux", Architecture: "amd64"}, platform.Platform{OS: "linux", Architecture: "arm64"}
	want := []Located{
		{Line: 2, Test: Test{Name: "app --version", Command: []string{"app", "--version"}}},
		{Line: 3, Test: Test{
			Name: "answers", Platforms: []platform.Platform{amd64, arm64}, Entrypoint: []string{}, Command: []string{"sh", "-c", "echo 'x y'"},
			Env: []string{"A=b", "C=1"}, User: "1000", Workdir: "/tmp", Stdin: []byte("hello\n"), Exit: 3,
			Stdout: Expectation{Equals: &xy}, Stderr: Expectation{Contains: []string{"one", "two"}, Matches: regexp.MustCompile("^o")},
			Network: "default", Timeout: 90 * time.Second, Memory: 256 << 20,
		}},
		{Line: 20, Test: Test{
			Name: "the image's own command", Platforms: []platform.Platform{{OS: "linux", Architecture: "arm", Variant: "v7"}},
			Env: []string{"A=b=c"}, Network: "mine", Timeout: 90 * time.Second,
		}},
		{Line: 24, Test: Test{Name: "the image's own command"}},
	}
	if diff := cmp.Diff(want, got, sameTests); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAFileIsRefusedWithTheLineAndTheUsersWords(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		line int
		says string
	}{
		"nothing":                  {"# nothing\n", 0, "no test"},
		"an empty list":            {"[]", 1, "no test"},
		"no list":                  {"command: x", 1, "want a list"},
		"no YAML":                  {"- a: b\n  - c", 1, "did not find expected key"},
		"no mapping":               {"- app", 1, `not "app"`},
		"an unknown key":           {"- command: x\n  comand: y", 2, `unknown key "comand" (the keys are command, entrypoint,`},
		"a key that is twice":      {"- command: x\n  command: y", 2, `"command"`},
		"a regular expression":     {"- stdout:\n    matches: '['", 2, `"[" is not a regular expression`},
		"an unknown expectation":   {"- stdout:\n    is: x", 2, `unknown key "is" (the keys are equals, contains, matches)`},
		"an expectation as a text": {"- stdout: x", 1, `not "x"`},
		"a status":                 {"- exit: 256", 1, `"256" is not a status`},
		"a status in words":        {"- exit: zero", 1, `"zero" is not a status`},
		"a platform":               {"- platforms: linux/arm65", 1, `"linux/arm65"`},
		"a time":                   {"- timeout: soon", 1, `"soon" is not a time`},
		"a time of nothing":        {"- timeout: 0s", 1, `"0s" is not a time`},
		"a size":                   {"- memory: 1k", 1, `"1k" is not a size of at least 6m`},
		"a quote that is open":     {"- command: sh -c 'x", 1, `"sh -c 'x" cannot be split`},
		"an entry without a value": {"- env: [A]", 1, `"A" is not KEY=VALUE`},
		"a variable's name":        {"- env: {A=B: c}", 1, `"A=B" is not a variable name`},
		"a second document":        {"- command: x\n---\n- command: y", 2, "second YAML document"},
		"a second one with tabs":   {"- command: x\n---\n\t- y", 3, "cannot start any token"},
		"a list for a text":        {"- name: [a]", 1, "want a text"},
	} {
		_, err := Parse([]byte(tt.text))
		at, ok := errors.AsType[*FileError](err)
		if !ok || at.Line != tt.line || !strings.Contains(at.Err.Error(), tt.says) {
			t.Errorf("%s: %v; want line %d, %q", name, err, tt.line, tt.says)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("- command: [a, b]\n  stdout: {matches: x}\n- &a {name: b}\n- *a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		tests, err := Parse(data)
		if err == nil && len(tests) == 0 {
			t.Error("neither a test nor an error")
		}
	})
}

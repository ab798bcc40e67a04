//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// gateCase is a folder of testdata/gate: a Dockerfile that has the expected results in comments. Its context is the fixtures.
//
//	# expect: STATUS                                    0 if it is not given
//	# platforms: PLATFORM,...                           linux/amd64,linux/arm64 if it is not given
//	# with: FLAG...                                     more flags of the build
//	# finding: SEVERITY CHECK PLATFORM PATH [LINE]      one that is made; no errors and warnings but these are. PATH may be -
type gateCase struct {
	name, file string
	text       string
	status     int
	platforms  string
	with       []string
	findings   []gateFinding
}

// gateFinding has the fields of a finding that stories compare, and its JSON.
type gateFinding struct {
	Severity, Check, Platform, Path string
	Line                            int
	Found, Wanted, Message          string
}

// short returns the fields that must match the expected ones.
func (f gateFinding) short() string {
	return strings.Join([]string{f.Severity, f.Check, f.Platform, f.Path}, " ")
}

// gateCases reads one of the folders of testdata/gate.
func gateCases(t *testing.T, kind string) []gateCase {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("testdata", "gate", kind, "*", "Dockerfile"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	var cases []gateCase
	for _, name := range found {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := filepath.Abs(name)
		if err != nil {
			t.Fatal(err)
		}
		c := gateCase{name: filepath.Base(filepath.Dir(name)), file: file, text: string(data), platforms: twoPlatforms}
		for line := range strings.Lines(c.text) {
			if key, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "# "), ": "); ok && strings.HasPrefix(line, "# ") {
				c.read(t, key, value)
			}
		}
		cases = append(cases, c)
	}
	return cases
}

func (c *gateCase) read(t *testing.T, key, value string) {
	t.Helper()
	var err error
	words := strings.Fields(value)
	switch key {
	case "expect":
		c.status, err = strconv.Atoi(value)
	case "platforms":
		c.platforms = value
	case "with":
		c.with = words
	case "finding":
		if len(words) < 4 {
			t.Fatalf("%s: %q", c.name, value)
		}
		f := gateFinding{Severity: words[0], Check: words[1], Platform: words[2], Path: strings.TrimPrefix(words[3], "-")}
		if len(words) > 4 {
			f.Line, err = strconv.Atoi(words[4])
		}
		c.findings = append(c.findings, f)
	}
	if err != nil {
		t.Fatalf("%s: %q: %v", c.name, value, err)
	}
}

// words returns those of the build, with the fixtures as its context.
func (c gateCase) words(s *story, more ...string) []string {
	s.Helper()
	words := append([]string{"--platform", c.platforms, "-f", c.file}, c.with...)
	for name, value := range map[string]string{"BASE": s.base, "AMD64ONLY": strings.Replace(s.base, "/busybox:", "/amd64only:", 1)} {
		if strings.Contains(c.text, "ARG "+name+"\n") {
			words = append(words, "--build-arg", name+"="+value)
			for i := range words {
				words[i] = strings.ReplaceAll(words[i], "$"+name, value)
			}
		}
	}
	return append(append(words, more...), s.fixtures())
}

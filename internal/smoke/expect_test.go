package smoke

import (
	"regexp"
	"strings"
	"testing"
)

func wrote(text string) *capture {
	c := &capture{}
	_, _ = c.Write([]byte(text)) // it does not fail
	return c
}

func TestAnOutcomeIsComparedWithTheExpectation(t *testing.T) {
	equals := func(s string) Expectation { return Expectation{Equals: &s} }
	for name, tt := range map[string]struct {
		test   Test
		ran    ProgramResult
		stdout string
		says   string // "": it has passed
	}{
		"nothing expected, status 0":       {stdout: "x"},
		"the expected status":              {test: Test{Exit: 3}, ran: ProgramResult{Exit: 3}},
		"another status":                   {test: Test{Exit: 3}, says: "exit status 0, expected 3"},
		"killed for its memory":            {ran: ProgramResult{Exit: 137, OutOfMemory: true}, says: "more than 1GiB of memory"},
		"killed for its own limit":         {test: Test{Memory: 64 << 20}, ran: ProgramResult{Exit: 137, OutOfMemory: true}, says: "more than 64MiB"},
		"equal but for the line's end":     {test: Test{Stdout: equals("x")}, stdout: "x\r\n"},
		"not equal":                        {test: Test{Stdout: equals("x")}, stdout: "y\n", says: `standard output is "y", expected "x"`},
		"nothing where nothing is wanted":  {test: Test{Stdout: equals("")}},
		"something where nothing is":       {test: Test{Stdout: equals("")}, stdout: "x", says: `expected ""`},
		"all of the parts":                 {test: Test{Stdout: Expectation{Contains: []string{"a", "b"}}}, stdout: "b a"},
		"one part of two":                  {test: Test{Stdout: Expectation{Contains: []string{"a", "b"}}}, stdout: "a", says: `is "a", expected "b" in it`},
		"a match":                          {test: Test{Stdout: Expectation{Matches: regexp.MustCompile(`^v\d`)}}, stdout: "v1"},
		"no match":                         {test: Test{Stdout: Expectation{Matches: regexp.MustCompile(`^v\d`)}}, stdout: "x1", says: `a match of "^v\\d"`},
		"standard error":                   {test: Test{Stderr: equals("x")}, says: `standard error is "", expected "x"`},
		"long output is cut in the reason": {test: Test{Stdout: equals("x")}, stdout: strings.Repeat("y", 300), says: strings.Repeat("y", 200) + `"…, expected "x"`},
		"too long to be compared":          {test: Test{Stdout: equals("x")}, stdout: strings.Repeat("y", maxCaptured+1), says: "longer than 1MiB"},
		"too long, but nobody asks":        {stdout: strings.Repeat("y", maxCaptured+1)},
	} {
		got := tt.test.mismatch(tt.ran, wrote(tt.stdout), wrote(""))
		if (got == "") != (tt.says == "") || !strings.Contains(got, tt.says) {
			t.Errorf("%s: %q, want %q", name, got, tt.says)
		}
	}
}

func TestTheEndOfAnOutputIsKeptInWholeLines(t *testing.T) {
	end := &tail{}
	for range 100_000 {
		_, _ = end.Write([]byte("a line\n")) // it does not fail
	}
	_, _ = end.Write([]byte("the last"))
	got := end.String()
	if len(got) > maxTail || len(got) < maxTail-10 || !strings.HasPrefix(got, "a line\n") || !strings.HasSuffix(got, "\nthe last") {
		t.Errorf("%d bytes: %.20q … %q", len(got), got, got[max(0, len(got)-20):])
	}
}

func TestCommandsAreSplitAsByAShell(t *testing.T) {
	for want, words := range map[string][]string{
		"app --version":           {"app", "--version"},
		"sh -c 'a; b'":            {"sh", "-c", "a; b"},
		`echo 'it'\''s' ''`:       {"echo", "it's", ""},
		"the image's own command": nil,
	} {
		if got := (Test{Command: words}).CommandLine(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

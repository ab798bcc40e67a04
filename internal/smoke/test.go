package smoke

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// These are the limits of tests that set none.
const (
	DefaultTimeout = time.Minute
	DefaultMemory  = 1 << 30 // bytes
)

// Test is a program of an image with the expected result. The zero value runs the image's own command and expects that it ends
// with status 0.
type Test struct {
	Name string
	// Platforms are those that the test is for; none: all.
	Platforms []platform.Platform
	// Command replaces the image's CMD, like the words after the image of `docker run`; nil: the image's own.
	Command []string
	// Entrypoint replaces the image's; nil: the image's own; empty: none.
	Entrypoint []string
	Env        []string // "KEY=VALUE"
	// User and Workdir replace the image's; "": the image's own.
	User, Workdir string
	// Stdin is the program's standard input; nil: none.
	Stdin []byte

	// Exit is the expected status.
	Exit           int
	Stdout, Stderr Expectation

	// Network is "" for none, or the engine's network to join ("bridge", "host", a name).
	Network string
	// Timeout is how long it may take; 0: DefaultTimeout. Memory is the limit in bytes; 0: DefaultMemory.
	Timeout time.Duration
	Memory  int64
}

// Limited returns the test with the limits that it has: the default ones where it sets none.
func (t Test) Limited() Test {
	t.Timeout, t.Memory = cmp.Or(t.Timeout, DefaultTimeout), cmp.Or(t.Memory, DefaultMemory)
	return t
}

// For reports whether the test is for p.
func (t Test) For(p platform.Platform) bool {
	return len(t.Platforms) == 0 || platform.Contains(t.Platforms, p)
}

// Meets reports whether both tests have a platform in common.
func (t Test) Meets(other Test) bool {
	return len(t.Platforms) == 0 || len(other.Platforms) == 0 || slices.ContainsFunc(t.Platforms, other.For)
}

// CommandLine returns the test's command in one line, in shell syntax.
func (t Test) CommandLine() string {
	words := slices.Concat(t.Entrypoint, t.Command)
	if len(words) == 0 {
		return "the image's own command"
	}
	for i, word := range words {
		if word == "" || strings.ContainsAny(word, " \t\n'\"\\$&;|<>()*?[]#~`!{}") {
			words[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.ReplaceAll(strings.Join(words, " "), "\n", " ")
}

// Expectation is a condition on an output. The zero value accepts any; if several conditions are set, all must hold.
type Expectation struct {
	Equals   *string // without the line's end at the end of either
	Contains []string
	Matches  *regexp.Regexp
}

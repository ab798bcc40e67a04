package smoke

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// The limits of tests that say none.
const (
	DefaultTimeout = time.Minute
	DefaultMemory  = 1 << 30 // bytes
)

// Test is a program of an image, and what it is expected to do. The zero value runs the image's own command and expects that it
// ends with status 0.
type Test struct {
	Name string
	// Platforms it is for; none: all.
	Platforms []platform.Platform
	// Command replaces the image's CMD, as the words after the image of `docker run` do; nil: the image's own.
	Command []string
	// Entrypoint replaces the image's; nil: the image's own; empty: none.
	Entrypoint []string
	Env        []string // "KEY=VALUE"
	// User and Workdir replace the image's; "": the image's own.
	User, Workdir string
	// Stdin is what the program reads; nil: nothing.
	Stdin []byte

	// Exit is the status that is expected.
	Exit           int
	Stdout, Stderr Expectation

	// Network is "" for none, or the engine's network to join ("bridge", "host", a name).
	Network string
	// Timeout is how long it may take; 0: DefaultTimeout. Memory, in bytes, is what it may use; 0: DefaultMemory.
	Timeout time.Duration
	Memory  int64
}

// For tells whether the test is one of p's.
func (t Test) For(p platform.Platform) bool {
	return len(t.Platforms) == 0 || platform.Contains(t.Platforms, p)
}

// Meets tells whether there is a platform that both tests are for.
func (t Test) Meets(other Test) bool {
	return len(t.Platforms) == 0 || len(other.Platforms) == 0 || slices.ContainsFunc(t.Platforms, other.For)
}

// Words are the test's command in one line, as a shell would take it.
func (t Test) Words() string {
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

// Expectation is what is said about an output. The zero value takes any; of several conditions all must hold.
type Expectation struct {
	Equals   *string // without the line's end at the end of either
	Contains []string
	Matches  *regexp.Regexp
}

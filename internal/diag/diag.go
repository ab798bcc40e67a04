// Package diag has the one type for everything that the program finds in a Dockerfile, a build, an image or a registry. A [Diagnostic] says
// what was found, where, for which platforms, and what to do about it. Packages that look for defects return diagnostics; the packages below
// internal/cli print them, and add which flags of a command would help.
package diag

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
)

// Severity is the weight of a diagnostic. Programs compare its text, so it does not change.
type Severity string

// An error refuses the build or the image. A warning is about something that is likely wrong. A note is information.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Compare orders errors before warnings, and warnings before notes.
func (s Severity) Compare(other Severity) int {
	order := []Severity{Error, Warning, Note}
	return cmp.Compare(slices.Index(order, s), slices.Index(order, other))
}

// A Diagnostic is one problem or observation. The zero value is not a diagnostic.
type Diagnostic struct {
	// Check is a word for the rule that found it. Programs compare it, so it does not change.
	Check    string
	Severity Severity
	// Platforms are the platforms concerned, as platform.Format writes them, in canonical order. None means all.
	Platforms []string
	// File and Line are the place in a Dockerfile; Line counts from 1. They are zero if there is none.
	File string
	Line int
	// Content is the place in an image; zero if there is none.
	Content
	// Message says what was found, without its place and its platforms.
	Message string
	// Fix says what to do about it, without naming a flag of a command; "" if the message says so or nothing helps.
	Fix string
	// URL is a page about the check; "" if there is none.
	URL string
	// Cause is the error behind it, for callers that ask with errors.As; nil if there is none.
	Cause error
}

// Content is a place in an image: a layer, a document or files.
type Content struct {
	Digest digest.Digest // of the layer or document
	Step   string        // the step of the Dockerfile that made the layer
	Path   string        // within the image, absolute; the first of several
	Paths  []string      // the first of them, if there are several
	Count  int           // their number, if there are several
	// Machine is the machine that the files are for, and Wanted the one that they should be for.
	Machine, Wanted string
}

// Found reports whether there is a diagnostic.
func (d Diagnostic) Found() bool { return d.Check != "" || d.Message != "" || d.Cause != nil }

// Refuses reports whether the diagnostic is an error.
func (d Diagnostic) Refuses() bool { return d.Severity == Error }

// Platform returns the platform of a diagnostic about one platform, else "".
func (d Diagnostic) Platform() string {
	if len(d.Platforms) != 1 {
		return ""
	}
	return d.Platforms[0]
}

// Place returns the place in the Dockerfile, as in "Dockerfile:3"; "" if there is none.
func (d Diagnostic) Place() string { return FileLine(d.File, d.Line) }

// FileLine returns a place in a file, as in "Dockerfile:3"; "" without a line.
func FileLine(file string, line int) string {
	if line == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d", file, line)
}

// String returns the message behind its place in the Dockerfile.
func (d Diagnostic) String() string {
	if place := d.Place(); place != "" {
		return place + ": " + d.Text()
	}
	return d.Text()
}

// Text returns the message; without one, its cause's.
func (d Diagnostic) Text() string {
	if d.Message == "" && d.Cause != nil {
		return d.Cause.Error()
	}
	return d.Message
}

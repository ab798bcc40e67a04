// Package preflight is what is looked at before a build does anything, and what refuses it: registries that the client or a node does not
// reach, base images of other platforms, sources on the network of the engine's host, platforms that no node runs.
package preflight

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/baseimage"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Finding is something about a build that is known before anything of it has been done.
type Finding struct {
	// Check is a stable word for what was looked at: base-platform, base-mismatch, base, node, registry, builder-registry.
	Check string
	// Hint: it stops nothing. Everything else does.
	Hint bool
	// Platforms that it is about, in canonical order; none: all.
	Platforms []platform.Platform
	// File and Line say where the Dockerfile has it; zero if it is in none.
	File string
	Line int
	// Err says what it is; Fix what can be done about it, "" if Err's own kind tells.
	Err error
	Fix string
}

func (f Finding) String() string {
	text := f.Err.Error()
	if f.Line > 0 {
		text = fmt.Sprintf("%s:%d: %s", f.File, f.Line, text)
	}
	return text
}

// Error says all that stands in the way of a build, found before anything was done: nothing was built, nothing of the context
// was sent, no emulator installed.
type Error struct{ Findings []Finding }

func (e *Error) Error() string {
	if len(e.Findings) == 1 {
		return e.Findings[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d things are in the way of the build, and nothing of it was done:", len(e.Findings))
	for _, f := range e.Findings {
		fmt.Fprintf(&b, "\n  - %s", strings.ReplaceAll(f.String(), "\n", "\n    "))
	}
	return b.String()
}

// Unwrap gives the errors of all findings.
func (e *Error) Unwrap() []error {
	errs := make([]error, len(e.Findings))
	for i, f := range e.Findings {
		errs[i] = f.Err
	}
	return errs
}

// Refusals are the errors of several registries as one; none of them is nil.
type Refusals []error

func (r Refusals) Error() string   { return errors.Join(r...).Error() }
func (r Refusals) Unwrap() []error { return r }

// Together is nil if all errors are, and else the [Refusals] that they are.
func Together(errs ...error) error {
	var all Refusals
	for _, err := range errs {
		if several, ok := err.(Refusals); ok { //nolint:errorlint // a wrapped one is one thing
			all = append(all, several...)
		} else if err != nil {
			all = append(all, err)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// Refused is the error of a push that registries would not take: err may be [Refusals]. It is nil if err is.
func Refused(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Findings: Registries(err)}
}

// Registries are the findings of what registries have refused: err may be [Refusals], or nil.
func Registries(err error) (found []Finding) {
	if all, ok := Together(err).(Refusals); ok { //nolint:errorlint // it is what Together gives
		for _, err := range all {
			found = append(found, Finding{Check: "registry", Err: err})
		}
	}
	return found
}

// Refuses reports whether the build does not begin because of it.
func (f Finding) Refuses() bool { return !f.Hint }

// Unreadable are the platforms whose Dockerfiles could not be read for other reasons than what a base image lacks; errs are by the index of
// targets. By themselves they stop no others; where the build is refused they are part of what is in its way.
func Unreadable(targets []platform.Platform, errs []error) []Finding {
	var found []Finding
	for i, err := range errs {
		if err == nil || baseimage.Lacks(err) {
			continue
		}
		k := slices.IndexFunc(found, func(f Finding) bool { return f.Err.Error() == err.Error() })
		if k < 0 {
			k, found = len(found), append(found, Finding{Check: "dockerfile", Err: err})
		}
		found[k].Platforms = append(found[k].Platforms, targets[i])
	}
	return found
}

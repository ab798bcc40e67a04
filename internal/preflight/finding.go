// Package preflight checks a build before it does anything, and can refuse it. It finds registries that the client or a node does not
// reach, base images of other platforms, sources on the network of the engine's host, and platforms that no node runs.
package preflight

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/baseimage"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Error has all findings that refuse a build. They were found before anything was done: nothing was built, none of the context's files was
// sent, no emulator was installed.
type Error struct{ Findings []diag.Diagnostic }

func (e *Error) Error() string {
	if len(e.Findings) == 1 {
		return e.Findings[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "cannot start the build (%d problems, nothing was changed):", len(e.Findings))
	for _, f := range e.Findings {
		fmt.Fprintf(&b, "\n  - %s", strings.ReplaceAll(f.String(), "\n", "\n    "))
	}
	return b.String()
}

// Unwrap returns the errors of all findings.
func (e *Error) Unwrap() []error {
	errs := make([]error, len(e.Findings))
	for i, f := range e.Findings {
		errs[i] = f.Cause
	}
	return errs
}

// Refusals are the errors of several registries as one; none of them is nil.
type Refusals []error

func (r Refusals) Error() string   { return errors.Join(r...).Error() }
func (r Refusals) Unwrap() []error { return r }

// Together returns nil if all errors are nil, and otherwise the [Refusals] that they are.
func Together(errs ...error) error {
	var all Refusals
	for _, err := range errs {
		if several, ok := err.(Refusals); ok { //nolint:errorlint // a wrapped one is a single error
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

// Refused returns the error of a push that registries would not accept: err may be [Refusals]. It is nil if err is.
func Refused(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Findings: Registries(err)}
}

// Registries returns the findings about refusals of registries: err may be [Refusals], or nil.
func Registries(err error) (found []diag.Diagnostic) {
	if all, ok := Together(err).(Refusals); ok { //nolint:errorlint // Together returns exactly this type
		for _, err := range all {
			found = append(found, Refusal("registry", err))
		}
	}
	return found
}

// Refusal returns the finding of a check that refuses a build because of err, for these platforms; none means all.
func Refusal(check string, err error, ps ...platform.Platform) diag.Diagnostic {
	return diag.Diagnostic{Check: check, Severity: diag.Error, Platforms: platform.FormatAll(ps), Cause: err}
}

// Unreadable returns the findings about platforms whose Dockerfiles could not be read for other reasons than a missing platform of a base
// image. errs have the indexes of targets. By themselves they stop no other platforms; in a refused build they are part of the list of
// problems.
func Unreadable(targets []platform.Platform, errs []error) []diag.Diagnostic {
	var found []diag.Diagnostic
	for i, err := range errs {
		if err == nil || baseimage.IsMissingPlatform(err) {
			continue
		}
		k := slices.IndexFunc(found, func(f diag.Diagnostic) bool { return f.Text() == err.Error() })
		if k < 0 {
			k, found = len(found), append(found, Refusal("dockerfile", err))
		}
		found[k].Platforms = append(found[k].Platforms, platform.Format(targets[i]))
	}
	return found
}

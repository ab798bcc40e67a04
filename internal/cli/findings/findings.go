// Package findings prints diagnostics: as a table with hints, as lines, and as rows of JSON. It knows which flags of commands help.
package findings

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
	"github.com/docker-multiarch/docker-multiarch/internal/printable"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

// OfReport returns the findings in the images of a build, in the order of its platforms.
func OfReport(report solve.Report) (all []diag.Diagnostic) {
	for _, p := range report.Platforms {
		all = append(all, p.Verify.Findings...)
	}
	return all
}

// Print prints an empty line, a table of the diagnostics, and hints. Without diagnostics it prints nothing.
func Print(out io.Writer, all []diag.Diagnostic) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintln(out)
	t := cli.NewTable(out, "SEVERITY", "CHECK", "PLATFORM", "FINDING")
	merged := Merged(all)
	for _, d := range merged {
		t.Row(d.Severity, d.Check, PlatformNames(d), d.Text())
	}
	_ = t.Flush() // the stream keeps the error
	for _, hint := range Hints(merged) {
		cli.Putf(out, "Hint: %s\n", cli.Paragraph(hint))
	}
}

// Merged returns the diagnostics, errors first. One that several platforms have comes once, without the machine and the layer of a
// platform.
func Merged(all []diag.Diagnostic) (merged []diag.Diagnostic) {
	for _, d := range all {
		i := slices.IndexFunc(merged, func(have diag.Diagnostic) bool {
			return have.Severity == d.Severity && have.Check == d.Check && have.Path == d.Path && have.Line == d.Line && common(have) == common(d)
		})
		switch {
		case i < 0:
			merged = append(merged, d)
		case !slices.Contains(merged[i].Platforms, d.Platform()):
			merged[i].Message, merged[i].Platforms = common(d), slices.Concat(merged[i].Platforms, d.Platforms)
		}
	}
	slices.SortStableFunc(merged, func(a, b diag.Diagnostic) int { return a.Severity.Compare(b.Severity) })
	return merged
}

// common returns the message of a diagnostic without its platform's machine and layer.
func common(d diag.Diagnostic) string {
	text := d.Message
	if d.Wanted != "" {
		text = strings.Replace(text, ", the image for "+d.Wanted, "", 1)
	}
	if d.Digest.Validate() == nil {
		layer := "layer " + cli.Short(d.Digest, false)
		text = strings.Replace(strings.Replace(text, layer+", ", "", 1), layer+": ", "", 1)
	}
	return text
}

// PlatformNames returns the platforms of a diagnostic in short form.
func PlatformNames(d diag.Diagnostic) string {
	const most = 3
	if n := len(d.Platforms); n > most {
		return fmt.Sprintf("%s and %d more", strings.Join(d.Platforms[:most-1], ", "), n-most+1)
	}
	return cmp.Or(strings.Join(d.Platforms, ", "), "-")
}

// Hints returns what to do about warnings and notes, each once, in their order. The hint of an error is part of its message.
func Hints(all []diag.Diagnostic) (hints []string) {
	for _, d := range all {
		if hint := hintFor(d); hint != "" && !d.Refuses() && !slices.Contains(hints, hint) {
			hints = append(hints, hint)
		}
	}
	return hints
}

// RefusedHint returns what to do about the first error, and how to publish such an image on purpose.
func RefusedHint(refused *gate.RefusedError) string {
	off := "--verify=off publishes an image as it is"
	for _, d := range refused.Findings {
		if hint := hintFor(d); hint != "" && d.Refuses() {
			return hint + ".\n      " + off
		}
	}
	return off
}

// hintFor returns what to do about a diagnostic: a flag that helps, or its fix; "" if neither is known.
func hintFor(d diag.Diagnostic) string {
	switch {
	case d.Check == gate.CheckMachine:
		return "files that are meant to be for another machine: --verify-allow " + cmp.Or(ShellPath(d.Path), "PATTERN")
	case errors.Is(d.Cause, layers.ErrNotRead):
		return "--verify=strict reads base layers of any size"
	}
	return strings.ReplaceAll(d.Fix, "\n", "\n      ")
}

// ShellPath returns a path as the user can type it in a shell.
func ShellPath(path string) string {
	if path == "" || PlainCode().MatchString(strings.TrimPrefix(path, "/")) && !strings.ContainsAny(path, " ()") {
		return path
	}
	return "'" + strings.ReplaceAll(printable.Line(path), "'", `'\''`) + "'"
}

// PlainCode matches text that needs no escape between two backticks, in a table too.
var PlainCode = lazyregexp.New(`^[A-Za-z0-9/._'"-][A-Za-z0-9 /:;.,@=_+()'"%-]*$`)

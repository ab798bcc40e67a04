// Package findings shows the findings about the executables of images, with advice.
package findings

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/printable"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// finding is a finding of package gate, with the platforms that have it.
type finding struct {
	gate.Finding
	platforms []string
}

// Aggregated returns the findings of all platforms, errors first. A finding of several platforms comes once.
func Aggregated(findings []gate.Finding) (all []finding) {
	for _, f := range findings {
		i := slices.IndexFunc(all, func(have finding) bool { return sameFinding(have.Finding, f) })
		if i < 0 {
			all = append(all, finding{f, []string{f.Platform}})
			continue
		}
		if !slices.Contains(all[i].platforms, f.Platform) {
			all[i].platforms = append(all[i].platforms, f.Platform)
		}
	}
	slices.SortStableFunc(all, func(a, b finding) int { return a.Severity.Compare(b.Severity) })
	return all
}

// sameFinding reports whether two findings are the same except for the platform.
func sameFinding(a, b gate.Finding) bool {
	return a.Severity == b.Severity && a.Check == b.Check && a.Path == b.Path && a.Line == b.Line && common(a) == common(b)
}

// common returns a finding without its platform's machine and layer.
func common(f gate.Finding) string {
	text := f.Message
	if f.Wanted != "" {
		text = strings.Replace(text, ", the image for "+f.Wanted, "", 1)
	}
	if f.Layer.Validate() == nil {
		layer := "layer " + cli.Short(f.Layer, false)
		text = strings.Replace(strings.Replace(text, layer+", ", "", 1), layer+": ", "", 1)
	}
	return text
}

// PlatformNames returns the platforms in short form.
func (f finding) PlatformNames() string {
	const most = 3
	if len(f.platforms) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(f.platforms[:most-1], ", "), len(f.platforms)-most+1)
	}
	return cmp.Or(strings.Join(f.platforms, ", "), "-")
}

// Text returns the finding as text.
func (f finding) Text() string {
	if len(f.platforms) > 1 {
		return printable.Line(common(f.Finding))
	}
	return printable.Line(f.Message)
}

// OfReport returns the findings of a build, in the order of its platforms.
func OfReport(report solve.Report) (all []gate.Finding) {
	for _, p := range report.Platforms {
		for _, f := range p.Verify.Findings {
			f.Platform = platform.Format(p.Platform)
			all = append(all, f)
		}
	}
	return all
}

// List prints an empty line, a line for each finding, and then advice. Without findings it prints nothing.
func List(out io.Writer, findings []gate.Finding) {
	all := Aggregated(findings)
	if len(all) == 0 {
		return
	}
	fmt.Fprintln(out)
	t := cli.NewTable(out, "FOUND", "PLATFORM", "WHAT")
	for _, f := range all {
		t.Row(f.Severity, f.PlatformNames(), f.Text())
	}
	_ = t.Flush()
	for _, line := range Advice(all) {
		cli.Putf(out, "Hint: %s\n", cli.Paragraph(line))
	}
}

// Advice returns the advice for findings, each once, in their order. An error's advice is its hint.
func Advice(all []finding) (lines []string) {
	for _, f := range all {
		if line := adviceFor(f.Finding); line != "" && f.Severity != diag.Error && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// RefusedHint returns what to do about the first error, and how to publish such an image on purpose.
func RefusedHint(refused *gate.RefusedError) string {
	off := "--verify=off publishes an image as it is"
	for _, f := range refused.Findings {
		if line := adviceFor(f); line != "" && f.Severity == diag.Error {
			return line + ".\n      " + off
		}
	}
	return off
}

// adviceFor returns the usual cause of a finding, or what to do about it; "" if its text says so already.
func adviceFor(f gate.Finding) string {
	switch f.Check {
	case gate.CheckEntrypoint, gate.CheckInterpreter, gate.CheckLoader, gate.CheckCommand:
		return "frequent causes: ARG TARGETARCH with a default, which hides the platform's own value; a last stage FROM\n" +
			"      --platform=$BUILDPLATFORM; go build in a stage FROM --platform=$BUILDPLATFORM without GOARCH=$TARGETARCH; a base\n" +
			"      image or a download for one platform only"
	case gate.CheckMachine:
		return "files that are meant to be for another machine: --verify-allow " + cmp.Or(ShellPath(f.Path), "PATTERN")
	case gate.CheckEntrypointMissing:
		return "if no volume brings it when the image runs: look at ENTRYPOINT, CMD, PATH and at the COPY that should bring it"
	case gate.CheckEntrypointMode:
		return "COPY --chmod=755, or RUN chmod +x where the file is made"
	}
	return ""
}

// ShellPath returns a path as the user can type it in a shell.
func ShellPath(path string) string {
	if path == "" || PlainCode.MatchString(strings.TrimPrefix(path, "/")) && !strings.ContainsAny(path, " ()") {
		return path
	}
	return "'" + strings.ReplaceAll(printable.Line(path), "'", `'\''`) + "'"
}

// PlainCode matches text that needs no escape between two backticks, in a table too.
var PlainCode = regexp.MustCompile(`^[A-Za-z0-9/._'"-][A-Za-z0-9 /:;.,@=_+()'"%-]*$`)

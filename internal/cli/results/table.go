package results

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/docker/go-units"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// column is a column of the table of platforms. cell returns "" if there is nothing to show.
type column struct {
	title string
	cell  func(solve.PlatformReport) string
}

// columnsOf returns the columns that are always shown, and those with a value for some platform. The full digests are the last column:
// users copy them, and if a narrow terminal cuts or wraps lines, the other columns stay readable.
func columnsOf(report solve.Report) []column {
	all := []column{
		{"PLATFORM", func(p solve.PlatformReport) string { return platform.Format(p.Platform) }},
		{"NODE", func(p solve.PlatformReport) string { return nodeCell(report, p) }},
		{"BUILD", buildCell},
		{"VERIFY", verifyCell},
		{"TEST", testCell},
		{"SIZE", sizeCell},
		{"DIGEST", digestCell},
	}
	return slices.DeleteFunc(all, func(c column) bool {
		if c.title == "SIZE" || c.title == "DIGEST" {
			return false
		}
		return !slices.ContainsFunc(report.Platforms, func(p solve.PlatformReport) bool { return c.cell(p) != "" })
	})
}

// Table prints a line for each platform, in the order of the index.
func Table(out io.Writer, report solve.Report) {
	if !begun(report) {
		return
	}
	fmt.Fprintln(out)
	t := cli.NewTable(out)
	columns := columnsOf(report)
	line := make([]any, len(columns))
	for i, c := range columns {
		line[i] = c.title
	}
	t.Row(line...)
	for _, p := range report.Platforms {
		for i, c := range columns {
			line[i] = cmp.Or(c.cell(p), "-")
		}
		t.Row(line...)
	}
	_ = t.Flush()
}

// begun reports whether the build got as far as a plan. A build that failed before needs no table.
func begun(report solve.Report) bool {
	return slices.ContainsFunc(report.Platforms, func(p solve.PlatformReport) bool { return p.Mode != "" })
}

// nodeCell returns the platform's node, if the builder has several or another one would have made the platform.
func nodeCell(report solve.Report, p solve.PlatformReport) string {
	if report.Nodes > 1 || p.Instead != "" {
		return p.Node
	}
	return ""
}

// buildCell returns how the platform was built, and the time.
func buildCell(p solve.PlatformReport) string {
	how := howText(p)
	if how == "" {
		return ""
	}
	return how + " " + secondsText(p.Seconds)
}

// verifyCell returns the findings about the executables.
func verifyCell(p solve.PlatformReport) string {
	switch v := p.Verify; v.Verdict {
	case gate.NotAsked:
		return ""
	case gate.Warned:
		n := 0
		for _, f := range v.Findings {
			if f.Severity == diag.Warning {
				n++
			}
		}
		if !v.BaseExamined {
			return Count(n, "warning") + ", base not examined"
		}
		return Count(n, "warning")
	case gate.OK:
		if !v.BaseExamined {
			return "base not examined"
		}
	case gate.Refused, gate.NotExamined:
	}
	return string(p.Verify.Verdict)
}

// testCell returns the counts of the tests.
func testCell(p solve.PlatformReport) string {
	failed := 0
	for _, o := range p.Tests {
		if !o.Passed {
			failed++
		}
	}
	switch {
	case len(p.Tests) == 0:
		return ""
	case failed == 0:
		return fmt.Sprintf("%d passed", len(p.Tests))
	}
	return fmt.Sprintf("%d of %d failed", failed, len(p.Tests))
}

func secondsText(s float64) string {
	if s >= 99.95 {
		return fmt.Sprintf("%.0fs", s)
	}
	return fmt.Sprintf("%.1fs", s)
}

func sizeCell(p solve.PlatformReport) string {
	if p.Manifest.Digest == "" || p.Err != nil {
		return ""
	}
	return units.HumanSize(float64(p.Size))
}

// digestCell returns the digest of the image, or a word that says why there is none.
func digestCell(p solve.PlatformReport) string {
	switch {
	case p.Err == nil:
		return p.Manifest.Digest.String() // none if only files were made
	case stoppedFor(p.Err) != "":
		return "not built: " + stoppedFor(p.Err) + " failed"
	case Stopped(p.Err) || p.Mode == "" || p.Mode == plan.Impossible:
		return "not built"
	case errors.Is(p.Err, sink.ErrNotExported):
		return "not exported"
	}
	return "failed"
}

// stoppedFor returns the platform whose failure stopped another one; "" if the error is not about that.
func stoppedFor(err error) string {
	if stop, ok := errors.AsType[*failure.StoppedError](err); ok {
		return platform.Format(stop.By)
	}
	return ""
}

// Stopped reports whether a platform ended because the user or --fail-fast stopped the build. The Docker CLI's own cancelling arrives
// as context.Canceled.
func Stopped(err error) bool {
	_, signalled := errors.AsType[cli.Interrupted](err)
	_, failedFast := errors.AsType[*failure.StoppedError](err)
	return signalled || failedFast || errors.Is(err, context.Canceled)
}

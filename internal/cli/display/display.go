// Package display shows the progress of a build on standard error, and its failures and warnings at the end.
package display

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
	"github.com/spf13/pflag"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/explain"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/results"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/imagetest"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/progress"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Flags are the flags about the display, as the user wrote them.
type Flags struct{ Mode, LogDir string }

// AddFlags adds the flags of the display.
func AddFlags(f *pflag.FlagSet, o *Flags) {
	f.StringVar(&o.LogDir, "log-dir", "", "Write the output of each platform to a file of its own in this folder, whatever the display")
	f.StringVar(&o.Mode, "progress", "auto", `Set type of progress output ("auto", "none", "plain", "quiet", "rawjson", "tty")`)
}

// Display shows a build's progress. It implements solve.Progress.
type Display struct {
	*progress.Display
	mode     progress.Mode
	warnings warnings
}

// Status implements solve.Progress.
func (d *Display) Status(p platform.Platform, msg *client.SolveStatus) {
	d.warnings.add(p, msg)
	d.Display.Status(p, msg)
}

// ExplainWarnings repeats the warnings at the end. A quiet build and JSON have none.
func (d *Display) ExplainWarnings(out io.Writer, detail bool) {
	if d.mode != progress.Quiet && d.mode != progress.RawJSON {
		d.warnings.print(out, detail)
	}
}

// Options are the options of a display.
type Options struct {
	Mode      progress.Mode
	Title     string
	Platforms []platform.Platform
	LogDir    string
}

// New starts a display on standard error. In mode rawjson it replaces w.Err, so that other text is in the form of status messages, too.
func New(ctx context.Context, w *cli.Env, o Options) (*Display, error) {
	d, err := progress.New(ctx, progress.Options{
		Out: cli.Bare(w.Err), Mode: o.Mode, Title: o.Title, Platforms: o.Platforms, LogDir: o.LogDir,
		Style: progress.ParseLook(w.LookupEnv),
	})
	if logs, ok := errors.AsType[*progress.LogDirError](err); ok {
		return nil, &cli.Usage{Err: fmt.Errorf("--log-dir %q: %w", o.LogDir, logs.Err), Hint: "name a folder that you can write to or create"}
	}
	if err != nil {
		return nil, &cli.Usage{Err: fmt.Errorf("--progress %s: %w", o.Mode, err), Hint: "leave out --progress and BUILDKIT_PROGRESS, or use plain"}
	}
	if o.Mode == progress.RawJSON {
		w.Err = cli.NewStream(progress.Text(cli.Bare(w.Err)))
	}
	return &Display{Display: d, mode: o.Mode}, nil
}

// Mode returns how a build is shown: by -q, then --progress, then BUILDKIT_PROGRESS.
func Mode(w *cli.Env, o Flags, quiet bool) (progress.Mode, error) {
	mode, from := o.Mode, "--progress"
	if env, ok := w.LookupEnv("BUILDKIT_PROGRESS"); ok && env != "" && mode == "auto" {
		mode, from = env, "BUILDKIT_PROGRESS"
	}
	if quiet {
		if o.Mode != "auto" && o.Mode != "quiet" && o.Mode != "none" {
			return "", fmt.Errorf("-q and --progress %s contradict each other", o.Mode)
		}
		mode = "quiet"
	}
	switch mode {
	case "auto":
		if term, _ := w.LookupEnv("TERM"); term == "dumb" {
			return progress.Plain, nil
		}
		return progress.Auto, nil
	case "plain", "tty", "quiet", "rawjson":
		return progress.Mode(mode), nil
	case "none":
		return progress.Quiet, nil
	}
	return "", fmt.Errorf("%s %q is not one of auto, none, plain, quiet, rawjson, tty", from, mode)
}

// Note implements solve.Progress. A quiet display still shows warnings, and where the result goes.
func (d *Display) Note(n diag.Diagnostic) {
	if d.mode != progress.Quiet || n.Severity != diag.Note || n.Check == Destination {
		if n.Cause == nil {
			n.Fix = explain.FixOf(n)
		}
		d.Display.Note(cli.Paragraph(n.Shown()).Indented())
	}
}

// Say shows a line of information.
func (d *Display) Say(line string) { diag.Notes(d.Note).Say(line) }

// Cleared implements solve.Progress.
func (d *Display) Cleared(plan plan.Plan) {
	how := map[string]string{}
	for i, j := range plan.Jobs {
		how[platform.Format(j.Platform)] = results.PlannedMode(plan, i)
	}
	programs := map[digest.Digest]progress.Program{}
	for d, p := range plan.Programs {
		programs[d] = progress.Program{Platform: p.Platform, Emulated: p.Emulated, File: p.File, Line: p.Line}
	}
	for _, line := range results.RelocatedLines(plan) {
		d.Say(line)
	}
	d.Display.Cleared(progress.Plan{Shared: plan.Shared, How: how, Programs: programs})
}

// ExplainFailures repeats the last output of the failed platforms, also of a quiet build.
func (d *Display) ExplainFailures(out io.Writer, report solve.Report) {
	steps, tests := failuresOf(report)
	d.Failures(out, append(steps, tests...))
}

// ExplainUnread shows the line of a Dockerfile that cannot be parsed, if that is the error.
func (d *Display) ExplainUnread(out io.Writer, err error) {
	if failed, ok := errors.AsType[*solve.FailedError](err); ok {
		d.ExplainFailures(out, solve.Report{Platforms: failed.Platforms})
	}
}

// FailuresText returns the same as a text, without the tests, which are shown elsewhere.
func (d *Display) FailuresText(report solve.Report) string {
	var text strings.Builder
	steps, _ := failuresOf(report)
	d.Failures(&text, steps)
	return strings.Trim(text.String(), "\n")
}

// failuresOf returns the failures of a build's own steps, and those of its tests.
func failuresOf(report solve.Report) (steps, tests []progress.Failure) {
	for _, p := range report.Platforms {
		switch failed, ok := errors.AsType[*smoke.FailedError](p.Err); {
		case ok:
			for _, o := range failed.Failed {
				tests = append(tests, progress.Failure{Platform: p.Platform, Err: p.Err, Step: imagetest.Step(p.Platform, o.Test)})
			}
		case p.Err != nil && !results.Stopped(p.Err):
			steps = append(steps, progress.Failure{Platform: p.Platform, Err: p.Err})
		}
	}
	return steps, tests
}

// Destination is the check of a note about a destination that is not on the command line.
const Destination = "destination"

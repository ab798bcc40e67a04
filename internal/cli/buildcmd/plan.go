package buildcmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/display"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/planview"
	"github.com/docker-multiarch/docker-multiarch/internal/lookahead"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
)

func newPlanCommand(w *cli.Env, run func(context.Context, *cli.Env, buildOptions) error) *cobra.Command {
	var format string
	cmd := newBuildCommand(w, func(ctx context.Context, w *cli.Env, o buildOptions) error {
		o.dryRun, o.format = true, format
		if err := cli.CheckTemplate(format); err != nil {
			return err
		}
		return run(ctx, w, o)
	})
	cli.AddTemplateFlag(cmd, &format)
	cmd.Flags().Lookup("dry-run").Hidden = true // plan is a dry run already
	cmd.Use, cmd.Aliases = "plan [OPTIONS] PATH | URL | -", nil
	cmd.Short = "Show what a build would do, and what would be in its way"
	cmd.Long = "Show what docker multiarch build with the same words would do: how each platform is made, where each step of the Dockerfile\n" +
		"runs, what the base images have, what makes the build slow or the images wrong, and what would keep the build from beginning.\n" +
		"The Dockerfile is read by the builder, which is made if there is none; no step runs, nothing of the context is sent, no\n" +
		"emulator is installed, and nothing is written to any registry.\n\n" +
		"Exit status: 0 the build can begin; 1 something is in its way, all of it is shown; 125 wrong flags or arguments."
	cmd.Example = "  docker multiarch plan --platform linux/amd64,linux/arm64 ."
	return cmd
}

// errNoPlan is the exit status of a plan that cannot be carried out. The reasons have been printed.
var errNoPlan = cli.Status(cli.ExitFailed)

// runPlan shows what a build would do.
func runPlan(ctx context.Context, w *cli.Env, o buildOptions, j job) error {
	if err := checkLoad(ctx, w, j.request); err != nil {
		return err
	}
	progress, err := display.New(ctx, w, j.shown(o))
	if err != nil {
		return err
	}
	r, err := prepare(ctx, w, &j, progress)
	defer r.close()
	var outlook lookahead.Outlook
	switch refused, ok := errors.AsType[*preflight.Error](err); {
	case err == nil:
		outlook, err = lookahead.Look(ctx, j.request, r.env, r.preflight)
		err = r.explained(ctx, w, err)
	case ok: // there is no builder, and the plan does not need one
		outlook.Findings, err = refused.Findings, nil
	}
	if cerr := progress.Close(); err == nil {
		err = cerr
	}
	progress.ExplainUnread(w.Err, err)
	if err != nil {
		return err
	}
	shown := planview.Shown(j.request, outlook)
	if cli.IsTable(o.format) || o.format == "" {
		planview.Print(w.Out, shown)
	} else if err := cli.WriteOne(w.Out, o.format, shown); err != nil {
		return err
	}
	if !shown.OK {
		return errNoPlan
	}
	return nil
}

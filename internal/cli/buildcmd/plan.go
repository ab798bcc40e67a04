package buildcmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/display"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/planview"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/template"
	"github.com/docker-multiarch/docker-multiarch/internal/lookahead"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/pushed"
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
	cmd.Short = "Show what a build would do, and what would stop it"
	cmd.Long = "Show what docker multiarch build would do with the same flags: how each platform is built, where each step of the Dockerfile\n" +
		"runs, which platforms the base images have, what would make the build slow or the images wrong, and what would stop the build.\n\n" +
		"The builder reads the Dockerfile; if there is no builder, it is created. No step runs, the context is not sent, no emulator is\n" +
		"installed, and nothing is written to a registry.\n\n" +
		"Exit status:\n\n" +
		"    0    the build can start\n" +
		"    1    something would stop the build; all problems are shown\n" +
		"    125  wrong flags or arguments"
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
	r, err := prepare(ctx, w, &j, progress, pushed.Memory{})
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
	plan := planview.Of(j.request, outlook)
	if template.IsTable(o.format) || o.format == "" {
		planview.Print(w.Out, plan)
	} else if err := cli.WriteOne(w.Out, o.format, plan); err != nil {
		return err
	}
	if !plan.OK {
		return errNoPlan
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/distribution/reference"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/lookahead"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
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
	cmd.Flags().Lookup("dry-run").Hidden = true // it is one
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

// errNoPlan is the exit status of a plan that cannot be carried out; everything has been said.
var errNoPlan = cli.Status(cli.ExitFailed)

// runPlan shows what a build would do.
func runPlan(ctx context.Context, w *cli.Env, o buildOptions, j job) error {
	if err := checkLoad(ctx, w, j.request); err != nil {
		return err
	}
	progress, err := newDisplay(ctx, w, o, j)
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
	case ok: // there is no builder, and it is not worth while to make one
		outlook.Findings, err = refused.Findings, nil
	}
	if cerr := progress.Close(); err == nil {
		err = cerr
	}
	progress.explainUnread(w.Err, err)
	if err != nil {
		return err
	}
	shown := shownPlan(j, outlook)
	if cli.IsTable(o.format) || o.format == "" {
		printPlan(w.Out, shown)
	} else if err := cli.WriteOne(w.Out, o.format, shown); err != nil {
		return err
	}
	if !shown.OK {
		return errNoPlan
	}
	return nil
}

// goesTo is where the result of a build would be, in words.
func goesTo(r solve.Request) []string {
	var places []string
	for _, t := range r.Tags {
		places = append(places, "registry "+reference.FamiliarString(t))
	}
	for _, repo := range r.ByDigest {
		places = append(places, "registry "+reference.FamiliarName(repo)+" (by digest)")
	}
	for _, output := range r.Outputs.List {
		places = append(places, output.Place())
	}
	for _, c := range r.Cache.To {
		places = append(places, "cache type="+c.Type)
	}
	return places
}

// planMode is how a platform would be made, in words.
func planMode(o lookahead.Outlook, i int) (mode, how string) {
	j := o.Plan.Jobs[i]
	switch {
	case platform.Contains(o.Unread, j.Platform):
		return "unknown", "unknown: its Dockerfile could not be read"
	case j.Mode == plan.Impossible && len(j.Missing) > 0 && containsAll(o.Installs, j.Missing):
		return string(plan.Emulated), "emulated (to be installed)"
	}
	return string(j.Mode), plannedWay(o.Plan, i)
}

// placeOf is "Dockerfile:3", or nothing.
func placeOf(file string, line int) string {
	if line == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d", file, line)
}

// containsAll tells whether all has each of some.
func containsAll(all, some []platform.Platform) bool {
	return !slices.ContainsFunc(some, func(p platform.Platform) bool { return !platform.Contains(all, p) })
}

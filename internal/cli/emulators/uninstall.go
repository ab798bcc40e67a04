package emulators

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func newEmulatorsUninstallCommand(w *cli.Env) *cobra.Command {
	var trust []string
	cmd := &cobra.Command{
		Use:     "uninstall [OPTIONS] PLATFORM...|all",
		Aliases: []string{"remove", "rm"},
		Short:   "Remove QEMU's handlers from the engine's kernel",
		Long: "Remove QEMU's handlers (named qemu-…) of the platforms, whichever program registered them. Other handlers, such as rosetta,\n" +
			"WSLInterop or python3, stay. Then the command shows how the kernel runs the platforms.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.UsageError(cmd, "%q needs platforms, or all", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return cli.Interruptible(cmd, w, func(ctx context.Context) error { return uninstallCommand(ctx, w, args, trust) })
		},
		ValidArgsFunction: completeEmulators,
	}
	cli.AddTrustFlag(cmd.Flags(), &trust)
	return cmd
}

func uninstallCommand(ctx context.Context, w *cli.Env, args, trust []string) error {
	ps, err := parseEmulators(args)
	if err != nil {
		return err
	}
	trusted, err := w.Trusted(trust)
	if err != nil {
		return err
	}
	k, err := ReachKernel(ctx, w, w.Engine(), "")
	if err == nil {
		err = k.trustImage(ctx, w, trusted)
	}
	if err != nil {
		return err
	}
	shell, status, err := k.probeShell(ctx, ps)
	if err != nil {
		return err
	}
	report, err := emulation.Uninstall(ctx, emulation.UninstallOptions{
		Shell: shell, Status: status, Runner: k.images, Platforms: ps, HelperImage: k.image, Engine: k.info, Labels: HelperLabels,
	})
	for _, h := range report.Removed {
		cli.Putf(w.Out, "removed %s\n", h)
	}
	if err != nil {
		return err
	}
	if len(report.Removed) == 0 {
		fmt.Fprintln(w.Out, "nothing to remove: none of these platforms has a QEMU handler")
	}
	for _, n := range forgetEmulators(ctx, k, ps) {
		cli.Putf(w.Out, "%s\n", n.Shown())
	}
	fmt.Fprintln(w.Out)
	t := cli.NewTable(w.Out, "PLATFORM", "RUNS")
	for _, p := range ps {
		t.Row(platform.Format(p), report.Status.Mode(p))
	}
	return t.Flush()
}

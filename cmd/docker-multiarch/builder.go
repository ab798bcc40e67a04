package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// newBuilderCommand groups the commands that look at builders. Builders are made by the first build that needs one.
func newBuilderCommand(w *world) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "builder",
		Short: "Look at, stop and remove the builders of docker multiarch",
		Long: "Look at, stop and remove the builders of docker multiarch. A builder is a container on the Docker Engine of the current\n" +
			"context, with a volume for its cache. The first build makes it, and later ones keep it as they need it.",
		Args: cobra.ArbitraryArgs, RunE: helpOrUnknown,
		DisableFlagsInUseLine: true,
	}
	cmd.AddCommand(newBuilderLsCommand(w), newBuilderInspectCommand(w), newBuilderStopCommand(w), newBuilderRmCommand(w))
	return cmd
}

func builderNames(ctx context.Context, w *world) ([]string, error) {
	eng, err := w.answering(ctx)
	if err != nil {
		return nil, err
	}
	list, err := builder.List(ctx, eng)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(list))
	for i, b := range list {
		names[i] = b.Builder
	}
	return names, nil
}

func newBuilderLsCommand(w *world) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "ls [OPTIONS]",
		Aliases: []string{"list"},
		Short:   "List builders",
		Args:    exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return interruptible(cmd, w, func(ctx context.Context) error {
				if err := checkFormat(format); err != nil {
					return err
				}
				eng, err := w.answering(ctx)
				if err != nil {
					return err
				}
				list, err := builder.List(ctx, eng)
				if err != nil {
					return err
				}
				if format == "json" {
					return writeJSON(w.out, builderRows(list))
				}
				return builderTable(w.out, list)
			})
		},
		DisableFlagsInUseLine: true,
	}
	addFormatFlag(cmd, &format)
	return cmd
}

func builderTable(out io.Writer, list []builder.Status) error {
	t := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "NAME\tDRIVER\tSTATUS\tBUILDKIT\tNETWORK\tCONTAINER")
	for _, b := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", b.Builder, b.Driver, b.State, b.BuildKit, networkWord(b.Network), b.Container)
	}
	return t.Flush()
}

// networkWord: the engine's default network has no name of its own.
func networkWord(network string) string {
	if network == "" {
		return "bridge"
	}
	return network
}

func newBuilderInspectCommand(w *world) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "inspect [OPTIONS] [NAME]",
		Short: "Show what is known about a builder",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return interruptible(cmd, w, func(ctx context.Context) error {
				if err := checkFormat(format); err != nil {
					return err
				}
				eng, err := w.answering(ctx)
				if err != nil {
					return err
				}
				name := builderName(args)
				d, found, err := builder.Inspect(ctx, eng, name)
				if err != nil {
					return err
				}
				if !found {
					return noBuilder(name)
				}
				if format == "json" {
					return writeJSON(w.out, inspectRow(d))
				}
				return inspectText(w.out, d)
			})
		},
		ValidArgsFunction:     completeBuilders(w),
		DisableFlagsInUseLine: true,
	}
	addFormatFlag(cmd, &format)
	return cmd
}

func builderName(args []string) string {
	if len(args) == 0 {
		return builder.DefaultName
	}
	return args[0]
}

func noBuilder(name string) error {
	return &hinted{
		err:  fmt.Errorf("there is no builder %q on this engine", name),
		hint: "the first build makes it; 'docker multiarch builder ls' lists those that exist",
	}
}

func newBuilderStopCommand(w *world) *cobra.Command {
	return &cobra.Command{
		Use:   "stop [NAME...]",
		Short: "Stop builders; the next build starts them again",
		RunE: func(cmd *cobra.Command, args []string) error {
			return eachBuilder(cmd, w, args, builder.Stop)
		},
		ValidArgsFunction:     completeBuilders(w),
		DisableFlagsInUseLine: true,
	}
}

func newBuilderRmCommand(w *world) *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use:   "rm [OPTIONS] [NAME...]",
		Short: "Remove builders and their caches",
		RunE: func(cmd *cobra.Command, args []string) error {
			return eachBuilder(cmd, w, args, func(ctx context.Context, eng *engine.Engine, name string) (bool, error) {
				return builder.Remove(ctx, eng, name, keep)
			})
		},
		ValidArgsFunction:     completeBuilders(w),
		DisableFlagsInUseLine: true,
	}
	cmd.Flags().BoolVar(&keep, "keep-state", false, "Keep the volume with the build cache")
	return cmd
}

// eachBuilder does it to all that are named, prints the names of those that it was done to, and fails if one failed.
func eachBuilder(cmd *cobra.Command, w *world, args []string, do func(context.Context, *engine.Engine, string) (bool, error)) error {
	if len(args) == 0 {
		args = []string{builder.DefaultName}
	}
	return interruptible(cmd, w, func(ctx context.Context) error {
		eng, err := w.answering(ctx)
		if err != nil {
			return err
		}
		var failures []error
		for _, name := range args {
			found, err := do(ctx, eng, name)
			if err == nil && !found {
				err = noBuilder(name)
			}
			if err != nil {
				failures = append(failures, err)
				continue
			}
			fmt.Fprintln(w.out, name)
		}
		return errors.Join(failures...)
	})
}

func addFormatFlag(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVar(format, "format", "table", `Format of the output ("table", "json")`)
	_ = cmd.RegisterFlagCompletionFunc("format", oneOf("table", "json"))
}

func checkFormat(format string) error {
	if format != "table" && format != "json" {
		return &usage{err: fmt.Errorf("--format %q is not one of table, json", format)}
	}
	return nil
}

func writeJSON(out io.Writer, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", data)
	return err
}

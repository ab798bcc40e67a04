package builders

import (
	"context"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

func newBuilderStopCommand(w *cli.Env) *cobra.Command {
	var flag string
	cmd := &cobra.Command{
		Use:   "stop [OPTIONS] [NAME...]",
		Short: "Stop builders",
		Long: "Stop builders. The next build starts its builder again. A builder with several nodes is stopped on each; nodes that docker multiarch\n" +
			"only connects to keep running.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return cli.Interruptible(cmd, w, func(ctx context.Context) error {
				names, err := allNamed(w, args, flag)
				if err != nil {
					return err
				}
				return eachBuilder(ctx, w, names, func(b builder.Builder) error { return stopBuilder(ctx, w, b) })
			})
		},
		ValidArgsFunction: cli.CompleteBuilders(w),
	}
	addBuilderFlag(cmd, w, &flag)
	return cmd
}

// stopBuilder stops a builder on all its nodes.
func stopBuilder(ctx context.Context, w *cli.Env, b builder.Builder) error {
	sayUnmanaged(w, b)
	var some atomic.Bool
	err := eachNode(b, func(_ int, e builder.Endpoint) error {
		m, ok := manager(w, e)
		if !ok {
			return nil
		}
		found, err := m.Stop(ctx, e)
		if found {
			some.Store(true)
		}
		return err
	})
	if err == nil && !some.Load() && b.DefinedBy == "" {
		return noBuilder(b.Name)
	}
	return err
}

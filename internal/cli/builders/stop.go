package builders

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

func newBuilderStopCommand(w *cli.Env) *cobra.Command {
	var flag string
	cmd := &cobra.Command{
		Use:   "stop [OPTIONS] [NAME...]",
		Short: "Stop builders",
		Long:  "Stop builders. The next build starts its builder again.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return cli.Interruptible(cmd, w, func(ctx context.Context) error {
				names, err := allNamed(w, args, flag)
				if err != nil {
					return err
				}
				return eachBuilder(ctx, w, names, func(ctx context.Context, m builder.Manager, e builder.Endpoint) (bool, error) { return m.Stop(ctx, e) })
			})
		},
		ValidArgsFunction: cli.CompleteBuilders(w),
	}
	addBuilderFlag(cmd, w, &flag)
	return cmd
}

// removal has the options of a removal.
type removal struct {
	builder                       string
	allInactive, keepState, force bool
	keepDaemon                    bool
	timeout                       time.Duration
	trusted                       []digest.Digest
}

func newBuilderRmCommand(w *cli.Env) *cobra.Command {
	var o removal
	cmd := &cobra.Command{
		Use:     "rm [OPTIONS] [NAME...]",
		Aliases: []string{"remove"},
		Short:   "Remove builders and their caches",
		RunE: func(cmd *cobra.Command, args []string) error {
			return cli.Interruptible(cmd, w, func(ctx context.Context) error { return runRemoval(ctx, w, o, args) })
		},
		ValidArgsFunction: cli.CompleteBuilders(w),
	}
	addBuilderFlag(cmd, w, &o.builder)
	f := cmd.Flags()
	f.BoolVar(&o.allInactive, "all-inactive", false, "Remove all inactive builders")
	f.BoolVarP(&o.force, "force", "f", false, "Do not prompt for confirmation")
	f.BoolVar(&o.keepState, "keep-state", false, "Keep BuildKit state (the volume with the build cache)")
	f.BoolVar(&o.keepDaemon, "keep-daemon", false, "Keep the BuildKit daemon running (not supported)")
	addTimeoutFlag(cmd, &o.timeout)
	return cmd
}

const inactiveWarning = "WARNING! This will remove all builders that are not in running state. Are you sure you want to continue?"

func runRemoval(ctx context.Context, w *cli.Env, o removal, args []string) error {
	if o.keepDaemon {
		return &cli.Usage{
			Err:  errors.New("--keep-daemon is not supported: the daemon's container is removed with the builder"),
			Hint: "docker multiarch builder rm --keep-state keeps the cache",
		}
	}
	if o.allInactive && len(args) > 0 {
		return &cli.Usage{Err: errors.New("cannot specify builder name when --all-inactive is set")}
	}
	names, err := allNamed(w, args, o.builder)
	if err != nil {
		return err
	}
	if o.trusted, err = w.Trusted(nil); err != nil {
		return err
	}
	if o.allInactive {
		if ok, err := cli.Confirm(ctx, w, inactiveWarning, o.force); err != nil || !ok {
			return err
		}
		if names, err = inactive(ctx, w, o.timeout); err != nil {
			return err
		}
	}
	return eachBuilder(ctx, w, names, func(ctx context.Context, m builder.Manager, e builder.Endpoint) (bool, error) {
		return removeBuilder(ctx, w, m, e, o)
	})
}

// inactive returns the builders that do not run.
func inactive(ctx context.Context, w *cli.Env, timeout time.Duration) ([]string, error) {
	ctx, cancel := bounded(ctx, timeout)
	defer cancel()
	eng, err := w.ReachableEngine(ctx)
	if err != nil {
		return nil, err
	}
	list, err := container.List(ctx, eng)
	var names []string
	for _, b := range rowsOf(list, "", "") {
		if c := (&builderContext{builderRow: b}); c.Status() != "running" {
			names = append(names, b.Name)
		}
	}
	return names, err
}

// removeBuilder removes a builder. It prints the freed space if that is known without starting the builder.
func removeBuilder(ctx context.Context, w *cli.Env, m builder.Manager, e builder.Endpoint, o removal) (found bool, err error) {
	sctx, cancel := bounded(ctx, o.timeout)
	freed := int64(0)
	if all, err := m.Inspect(sctx, e); err == nil && !o.keepState {
		for _, d := range all {
			if d.Usage != nil {
				freed += d.Usage.Total
			}
		}
	}
	cancel()
	found, err = m.Remove(ctx, e, builder.RemoveOptions{KeepState: o.keepState, Trusted: o.trusted})
	if err == nil && found {
		if freed > 0 {
			w.Say(fmt.Sprintf("builder %q: removed %s of build cache", e.Builder, cli.Size(freed)))
		}
		err = w.Forget(ctx, e.Builder)
	}
	return found, err
}

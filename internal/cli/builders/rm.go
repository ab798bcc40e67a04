package builders

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

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
		Long: "Remove builders and their caches, on each of their nodes. Nodes that docker multiarch only connects to keep their BuildKit and its\n" +
			"cache. A node that does not answer keeps its definition, so that a later rm can remove it; with --force it is forgotten.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return cli.Interruptible(cmd, w, func(ctx context.Context) error { return runRemoval(ctx, w, o, args) })
		},
		ValidArgsFunction: cli.CompleteBuilders(w),
	}
	addBuilderFlag(cmd, w, &o.builder)
	f := cmd.Flags()
	f.BoolVar(&o.allInactive, "all-inactive", false, "Remove all inactive builders")
	f.BoolVarP(&o.force, "force", "f", false, "Do not prompt for confirmation; remove a builder although nodes of it cannot be reached")
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
	return eachBuilder(ctx, w, names, func(b builder.Builder) error { return removeBuilder(ctx, w, b, o) })
}

// inactive returns the builders of which no node runs. A builder with a node that does not answer is left alone, and so are all builders
// of an engine that does not answer.
func inactive(ctx context.Context, w *cli.Env, timeout time.Duration) (names []string, err error) {
	ctx, cancel := bounded(ctx, timeout)
	defer cancel()
	all, engineErr, err := describeAll(ctx, w)
	if err = errors.Join(err, engineErr); err != nil {
		return nil, err
	}
	for _, d := range all {
		running := slices.ContainsFunc(d.nodes, func(n builder.Inspected) bool {
			return slices.ContainsFunc(n.Details, func(one builder.Details) bool { return one.State == "running" })
		})
		silent := slices.IndexFunc(d.nodes, func(n builder.Inspected) bool { return n.Err != nil })
		switch {
		case running:
		case silent >= 0:
			n := d.nodes[silent]
			w.Say(fmt.Sprintf("builder %q is not removed, since a node of it may run: %v", d.Name, n.Endpoint.Named(n.Err)))
		default:
			names = append(names, d.Name)
		}
	}
	return names, nil
}

// removeBuilder removes what this program has made on each node of a builder, and its definition. The definition of a node that fails
// is kept, unless the user forces its removal.
func removeBuilder(ctx context.Context, w *cli.Env, b builder.Builder, o removal) error {
	sayUnmanaged(w, b)
	var some atomic.Bool
	var freed atomic.Int64
	failed := make([]bool, len(b.Nodes))
	err := eachNode(b, func(i int, e builder.Endpoint) error {
		m, ok := manager(w, e)
		if !ok {
			return nil
		}
		found, size, err := removeNode(ctx, m, e, o)
		if found {
			some.Store(true)
		}
		freed.Add(size)
		failed[i] = err != nil
		return err
	})
	if size := freed.Load(); size > 0 {
		w.Say(fmt.Sprintf("builder %q: removed %s of build cache", b.Name, cli.Size(size)))
	}
	switch {
	case b.DefinedBy != "":
		return undefine(ctx, w, b, o, failed, err)
	case err != nil:
		return err
	case !some.Load():
		return noBuilder(b.Name)
	}
	return w.Forget(ctx, b.Name)
}

// removeNode removes a node. size is the size of its cache, if that is known without starting it.
func removeNode(ctx context.Context, m builder.Manager, e builder.Endpoint, o removal) (found bool, size int64, err error) {
	if !o.keepState {
		sctx, cancel := bounded(ctx, o.timeout)
		defer cancel()
		all, err := m.Inspect(sctx, e, builder.Whole)
		if err != nil && ctx.Err() == nil {
			return false, 0, err
		}
		for _, d := range all {
			if d.Usage != nil {
				size += d.Usage.Total
			}
		}
	}
	found, err = m.Remove(ctx, e, builder.RemoveOptions{KeepState: o.keepState, Trusted: o.trusted})
	if err != nil {
		size = 0
	}
	return found, size, err
}

// undefine removes a builder from the file, after its nodes. err is the error of those that failed.
func undefine(ctx context.Context, w *cli.Env, b builder.Builder, o removal, failed []bool, err error) error {
	var keep []builder.Endpoint
	for i, e := range b.Nodes {
		if failed[i] && !o.force {
			keep = append(keep, e)
		}
	}
	if ctx.Err() != nil {
		return err
	}
	if uerr := w.Undefine(ctx, b, keep); uerr != nil || err == nil {
		return errors.Join(err, uerr)
	}
	if o.force {
		w.Say(fmt.Sprintf("%v\nbuilder %q is removed from %s; what it has on these nodes stays there", err, b.Name, b.DefinedBy))
		return nil
	}
	return &cli.Hinted{
		Err:  fmt.Errorf("%w\nbuilder %q keeps these nodes in %s", err, b.Name, b.DefinedBy),
		Hint: "run the command again when they answer; --force removes their definition, and leaves what is on them",
	}
}

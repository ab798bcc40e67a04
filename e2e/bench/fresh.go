package main

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
)

const freshBuilder = "docker-multiarch-bench-fresh"

// fresh returns the row about a builder without a cache of its own, as in CI: it imports the cache from a registry and exports it there.
// The builder is a BuildKit for both, which is pruned before each run.
func (w *world) fresh(ctx context.Context) ([]measure.Row, error) {
	d, err := w.daemon()
	if err != nil {
		return nil, err
	}
	if err := w.onRemote(ctx, freshBuilder, d.Address()); err != nil {
		return nil, err
	}
	dir := filepath.Join(w.dir, "fresh")
	text := "FROM " + w.base + "\nRUN head -c 1000000 /dev/urandom >/first\nCOPY Dockerfile /\nRUN echo >/second\n"
	if err := fill(filepath.Join(dir, "Dockerfile"), text); err != nil {
		return nil, err
	}
	// This node has no engine beside it that would install them.
	if _, err := w.docker(ctx, w.ways[0], "multiarch", "emulators", "install", "linux/arm64", "linux/arm/v7"); err != nil {
		return nil, err
	}
	build := func(name string, from ...string) []string {
		cache := "type=registry,ref=" + w.tag("fresh-cache-"+name)
		return slices.Concat([]string{
			"build", "--builder", freshBuilder, "--provenance=false", "--platform", three, "-t", w.tag("fresh-" + name), "--push",
			"--cache-to", cache + ",mode=max",
		}, from, []string{dir})
	}
	for _, c := range w.ways[0].both(func(name string) []string { return build(name) }) {
		if err := c.Run(ctx); err != nil {
			return nil, err
		}
	}
	return []measure.Row{{
		Name: "a fresh builder, 3 platforms, cache from a registry and back (mode=max)", Unit: measure.Millis, Want: ofPeer(0.8),
		Who: w.ways[0].both(func(name string) []string {
			return build(name, "--cache-from", "type=registry,ref="+w.tag("fresh-cache-"+name))
		}),
		Before: func() error {
			_, err := w.docker(ctx, w.ways[0], "buildx", "prune", "--builder", freshBuilder, "--all", "--force")
			return err
		},
	}}, nil
}

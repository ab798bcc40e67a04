package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// These rows are about two nodes, BuildKits of this machine that no engine has started, on which both contestants build. Each has a
// platform.
const (
	nodesNothing = "2 nodes, 2 platforms, nothing to rebuild"
	nodesFiles   = "2 nodes, 20,000 files, nothing to rebuild"
	nodesCached  = "2 fresh nodes, all steps from the cache in a registry"

	bothPlatforms = "linux/amd64,linux/arm64"
	nodesBuilder  = "docker-multiarch-bench-nodes"
	farBuilder    = "docker-multiarch-bench-far"
)

// nodes returns the rows about two nodes.
func (w *world) nodes(ctx context.Context) ([]row, error) {
	y := w.ways[0]
	var first string // the address of the first one
	for i, platform := range []string{"linux/amd64", "linux/arm64"} {
		d, err := w.daemon(platform)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			first = d.Address()
		}
		node := []string{"create", "--name", nodesBuilder, "--node", fmt.Sprint("node", i), "--driver", "remote", "--platform", platform}
		if i > 0 {
			node = append(node, "--append")
		}
		for _, words := range [][]string{{"multiarch", "builder"}, {"buildx"}} {
			if _, err := w.docker(ctx, y, slices.Concat(words, node, []string{d.Address()})...); err != nil {
				return nil, err
			}
		}
	}
	far, err := w.farNode(ctx, first)
	if err != nil {
		return nil, err
	}
	cached, err := w.cached(ctx, y)
	return slices.Concat(w.onNodes(nodesNothing, y, w.cases[0]), w.onNodes(nodesFiles, y, w.cases[1]), far, []row{cached}), err
}

// cached returns the row about nodes without a cache of their own, which are pruned before each run. Ours imports the one cache that it has
// exported from both nodes, the peer one for each of them: a second export to a name would replace the first.
func (w *world) cached(ctx context.Context, y way) (row, error) {
	dir := filepath.Join(w.dir, "cached")
	if err := fill(filepath.Join(dir, "Dockerfile"), "FROM "+w.base+"\nRUN head -c 1000000 /dev/urandom >/first\nRUN echo >/second\n"); err != nil {
		return row{}, err
	}
	build := func(who, name, platforms string, more ...string) []string {
		words := []string{who, "build", "--builder", nodesBuilder, "--platform", platforms, "-t", w.tag("cached-" + name), "--push"}
		if who == "buildx" {
			words = append(words, "--provenance=false")
		}
		return append(append(words, more...), dir)
	}
	to := func(name string) string { return "--cache-to=type=registry,mode=max,ref=" + w.tag("cache-"+name) }
	from := func(name string) string { return "--cache-from=type=registry,ref=" + w.tag("cache-"+name) }
	for _, words := range [][]string{
		build("multiarch", ours, bothPlatforms, to(ours)), build("buildx", peer, "linux/amd64", to("amd64")), build("buildx", peer, "linux/arm64", to("arm64")),
	} {
		if _, err := w.docker(ctx, y, words...); err != nil {
			return row{}, err
		}
	}
	return row{
		name: nodesCached, unit: millis, who: []contestant{
			{ours, append([]string{"docker"}, build("multiarch", ours, bothPlatforms, from(ours))...), y.env},
			{peer, append([]string{"docker"}, build("buildx", peer, bothPlatforms, from("amd64"), from("arm64"))...), y.env},
		},
		before: func() error {
			_, err := w.docker(ctx, y, "buildx", "prune", "--builder", nodesBuilder, "--all", "--force")
			return err
		},
	}, nil
}

// farNode returns the row about the examination of executables on a node that is reached by TCP.
func (w *world) farNode(ctx context.Context, address string) ([]row, error) {
	dir, change, err := w.fewFiles("gate-far")
	if err != nil {
		return nil, err
	}
	proxy := testenv.Far{To: address}
	if err := proxy.Start(); err != nil {
		return nil, err
	}
	w.undo = append(w.undo, func(context.Context) { proxy.Close() })
	node := []string{"multiarch", "builder", "create", "--name", farBuilder, "--driver", "remote", "--driver-opt", "network=host", proxy.Address()}
	if _, err := w.docker(ctx, w.ways[0], node...); err != nil {
		return nil, err
	}
	build := []string{"build", "--builder", farBuilder, "--platform", three, "--push", "-t", w.tag("far"), dir}
	return []row{{name: gateFar, unit: millis, who: w.checkedAndNot(build), before: change}}, nil
}

// onNodes returns the rows about time and memory of a case.
func (w *world) onNodes(name string, y way, c scenario) []row {
	who := w.both(y, func(name string) []string {
		return []string{"build", "--builder", nodesBuilder, "--provenance=false", "--platform", bothPlatforms, "-t", w.tag("nodes-" + name), "--push", c.dir}
	})
	return []row{{name: name, unit: millis, who: who}, {name: "memory: " + name, unit: mib, who: w.alone(who)}}
}

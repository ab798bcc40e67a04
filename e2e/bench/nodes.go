package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// These rows are about two nodes, BuildKits of this machine that no engine has started, on which both contestants build. Each has a
// platform.
const (
	nodesBuilder = "docker-multiarch-bench-nodes"
	farBuilder   = "docker-multiarch-bench-far"
)

// nodes returns the rows about two nodes.
func (w *world) nodes(ctx context.Context) ([]measure.Row, error) {
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
	nothing := w.onNodes("2 nodes, 2 platforms, nothing to rebuild", 0.6, y, w.cases[0])
	files := w.onNodes("2 nodes, 20,000 files, nothing to rebuild", 0.8, y, w.cases[1])
	return slices.Concat(nothing, files, far, []measure.Row{cached}), err
}

// cached returns the row about nodes without a cache of their own, which are pruned before each run. Ours imports the one cache that it has
// exported from both nodes, the peer one for each of them: a second export to a name would replace the first.
func (w *world) cached(ctx context.Context, y way) (measure.Row, error) {
	dir := filepath.Join(w.dir, "cached")
	if err := fill(filepath.Join(dir, "Dockerfile"), "FROM "+w.base+"\nRUN head -c 1000000 /dev/urandom >/first\nRUN echo >/second\n"); err != nil {
		return measure.Row{}, err
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
		build("multiarch", measure.Ours, bothPlatforms, to(measure.Ours)),
		build("buildx", measure.Peer, "linux/amd64", to("amd64")), build("buildx", measure.Peer, "linux/arm64", to("arm64")),
	} {
		if _, err := w.docker(ctx, y, words...); err != nil {
			return measure.Row{}, err
		}
	}
	return measure.Row{
		Name: "2 fresh nodes, all steps from the cache in a registry", Unit: measure.Millis, Want: ofPeer(0.8), Who: []measure.Contestant{
			{Name: measure.Ours, Cmd: append([]string{"docker"}, build("multiarch", measure.Ours, bothPlatforms, from(measure.Ours))...), Env: y.env},
			{Name: measure.Peer, Cmd: append([]string{"docker"}, build("buildx", measure.Peer, bothPlatforms, from("amd64"), from("arm64"))...), Env: y.env},
		},
		Before: func() error {
			_, err := w.docker(ctx, y, "buildx", "prune", "--builder", nodesBuilder, "--all", "--force")
			return err
		},
	}, nil
}

// farNode returns the row about the examination of executables on a node that is reached by TCP.
func (w *world) farNode(ctx context.Context, address string) ([]measure.Row, error) {
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
	return []measure.Row{{
		Name: "gate: a far node, 3 platforms, 150 MB changed in few files", Unit: measure.Millis, Who: w.checkedAndNot(build, "--verify=off"), Before: change,
	}}, nil
}

// onNodes returns the rows about time, of which ours may need a multiple of the peer's, and memory of a case.
func (w *world) onNodes(name string, limit float64, y way, c scenario) []measure.Row {
	who := y.both(func(name string) []string {
		return []string{"build", "--builder", nodesBuilder, "--provenance=false", "--platform", bothPlatforms, "-t", w.tag("nodes-" + name), "--push", c.dir}
	})
	return []measure.Row{
		{Name: name, Unit: measure.Millis, Want: ofPeer(limit), Who: who},
		{Name: "memory: " + name, Unit: measure.MiB, Want: ofPeer(0.6), Who: w.alone(who)},
	}
}

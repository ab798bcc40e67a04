package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// These rows are about one node that is 100 ms away, at 20 MB/s, on which ours and the peer work in turn.
const (
	farNothing = "a far node, 3 platforms, nothing to rebuild"
	farPlan    = "a far node, plan"
	farInspect = "a far node, builder inspect"

	distantBuilder = "docker-multiarch-bench-distant"
	farDelay       = 100 * time.Millisecond
	farRate        = 20e6 // bytes per second
)

// distant returns the rows about a far node. small is a context of the other rows. The peer plans nothing.
func (w *world) distant(ctx context.Context, small scenario) ([]row, error) {
	buildctl := os.Getenv("MULTIARCH_E2E_BUILDCTL")
	if buildctl == "" || os.Geteuid() != 0 {
		fmt.Fprintln(w.log, "bench: without root and MULTIARCH_E2E_BUILDCTL no BuildKit is started here: a far node is not measured")
		return nil, nil
	}
	dir, err := testenv.NewDir()
	if err != nil {
		return nil, err
	}
	d := testenv.Daemon{Program: filepath.Join(filepath.Dir(buildctl), "buildkitd"), Dir: dir}
	w.undo = append(w.undo, func(context.Context) { d.Stop() })
	if err := d.Start(); err != nil {
		return nil, err
	}
	if err := d.Wait(); err != nil {
		return nil, err
	}
	proxy := &testenv.Far{To: d.Address(), Delay: farDelay, Rate: farRate}
	if err := proxy.Start(); err != nil {
		return nil, err
	}
	w.undo = append(w.undo, func(context.Context) { proxy.Close() })
	y := w.ways[0]
	for _, words := range [][]string{{"multiarch", "builder", "create", "--driver-opt", "network=host"}, {"buildx", "create"}} {
		if _, err := w.docker(ctx, y, slices.Concat(words, []string{"--name", distantBuilder, "--driver", "remote", proxy.Address()})...); err != nil {
			return nil, err
		}
	}
	pair := func(name string, our, their []string) row {
		r := row{name: name, unit: millis, who: []contestant{{ours, append([]string{"docker", "multiarch"}, our...), y.env}}}
		if their != nil {
			r.who = append(r.who, contestant{peer, append([]string{"docker", "buildx"}, their...), y.env})
		}
		return r
	}
	build := func(name string) []string {
		return []string{"build", "--builder", distantBuilder, "--platform", small.platforms, "-t", w.tag("far-" + name), "--push", small.dir}
	}
	return []row{
		pair(farNothing, build(ours), append(build(peer), "--provenance=false")),
		pair(farPlan, []string{"plan", "--builder", distantBuilder, "--platform", small.platforms, small.dir}, nil),
		pair(farInspect, []string{"builder", "inspect", distantBuilder}, []string{"inspect", distantBuilder}),
	}, nil
}

package main

import (
	"context"
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

// distant returns the rows about a far node. The peer plans nothing.
func (w *world) distant(ctx context.Context) ([]row, error) {
	d, err := w.daemon()
	if err != nil {
		return nil, err
	}
	proxy := &testenv.Far{To: d.Address(), Delay: farDelay, Rate: farRate}
	if err := proxy.Start(); err != nil {
		return nil, err
	}
	w.undo = append(w.undo, func(context.Context) { proxy.Close() })
	if err := w.onRemote(ctx, distantBuilder, proxy.Address()); err != nil {
		return nil, err
	}
	y, small := w.ways[0], w.cases[0]
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

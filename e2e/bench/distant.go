package main

import (
	"context"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// These rows are about one node that is 100 ms away, at 20 MB/s, on which ours and the peer work in turn.
const (
	distantBuilder = "docker-multiarch-bench-distant"
	farDelay       = 100 * time.Millisecond
	farRate        = 20e6 // bytes per second
)

// distant returns the rows about a far node. The peer plans nothing.
func (w *world) distant(ctx context.Context) ([]measure.Row, error) {
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
	build := func(name string) []string {
		return []string{"build", "--builder", distantBuilder, "--platform", small.platforms, "-t", w.tag("far-" + name), "--push", small.dir}
	}
	return []measure.Row{
		{
			Name: "a far node, 3 platforms, nothing to rebuild", Unit: measure.Millis, Want: ofPeer(1.3),
			Who: []measure.Contestant{y.ours(build(measure.Ours)...), y.buildx(measure.Peer, append(build(measure.Peer), "--provenance=false")...)},
		},
		{
			Name: "a far node, plan", Unit: measure.Millis, Want: []measure.Bound{measure.AtMost(2000, "ms")},
			Who: []measure.Contestant{y.ours("plan", "--builder", distantBuilder, "--platform", small.platforms, small.dir)},
		},
		{
			Name: "a far node, builder inspect", Unit: measure.Millis, Want: []measure.Bound{measure.AtMost(1000, "ms")},
			Who: []measure.Contestant{y.ours("builder", "inspect", distantBuilder), y.buildx(measure.Peer, "inspect", distantBuilder)},
		},
	}, nil
}

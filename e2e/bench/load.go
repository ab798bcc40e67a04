package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
)

// loads returns the rows about what a build with nothing to do costs, and what it is like beside other work.
func (w *world) loads(ctx context.Context) ([]measure.Row, error) {
	y, small := w.ways[0], w.cases[0]
	servers := map[string]int{}
	for name, container := range map[string]string{measure.Ours: ourContainer, measure.Peer: "buildx_buildkit_" + peerBuilder + "0"} {
		out, err := w.docker(ctx, y, "inspect", "-f", "{{.State.Pid}}", container)
		if err != nil {
			return nil, err
		}
		if servers[name], err = strconv.Atoi(strings.TrimSpace(out)); err != nil {
			return nil, err
		}
	}
	rows := []measure.Row{{
		Name: "3 platforms, nothing to rebuild, all CPUs busy", Unit: measure.Millis, Busy: true, Want: ofPeerAndSame(0.8), Who: w.builds(y, small)[:3],
	}}
	if _, err := measure.CPUOf(servers[measure.Ours]); err == nil { // the engine is on this machine
		rows = append(rows, measure.Row{
			Name: "CPU of client and buildkitd: 3 platforms, nothing to rebuild", Unit: measure.CPU, Server: servers, Want: ofPeer(0.7),
			Who: w.alone(w.builds(y, small)[:2]),
		})
	}
	return rows, nil
}

package main

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

// away returns the rows about a registry that a round trip of 50 ms leads to, with the requests to it. The base image is there, too.
func (w *world) away(ctx context.Context) (rows []measure.Row, err error) {
	line := &faultregistry.Line{Next: w.backend()}
	near, err := w.serve(ctx, line)
	if err != nil {
		return nil, err
	}
	proxy := &testenv.Far{To: "tcp://" + near, Delay: 25 * time.Millisecond}
	if err := proxy.Start(); err != nil {
		return nil, err
	}
	w.undo = append(w.undo, func(context.Context) { proxy.Close() })
	there := *w // the same, with the registry elsewhere
	there.registry = strings.TrimPrefix(proxy.Address(), "tcp://")
	_, base, _ := strings.Cut(w.base, "/")
	dir := filepath.Join(w.dir, "away")
	text := "FROM " + there.registry + "/" + base + "\nARG TARGETPLATFORM\nRUN echo $TARGETPLATFORM > /platform\nCOPY small /\n"
	if err := firstError(
		func() error { return fill(filepath.Join(dir, "Dockerfile"), text) }, refill(filepath.Join(dir, "small"), 1<<10),
	); err != nil {
		return nil, err
	}
	c := scenario{dir: dir, platforms: three}
	who := slices.Delete(there.builds(w.ways[0], c), 2, 4) // without same, and bare that writes no index
	tags := func(name string) []string {
		repo := there.registry + "/bench/" + name
		return []string{"--platform", three, "-t", repo + ":a", "-t", repo + ":b", "-t", repo + "-2:a", "--push", dir}
	}
	const name = "a registry 50 ms away, 3 platforms, "
	for _, r := range []measure.Row{
		{Name: name + "nothing to rebuild", Who: who},
		{Name: name + "one layer changed", Who: who, Before: refill(filepath.Join(dir, "small"), 1<<10)},
		{Name: name + "3 tags in 2 repositories, nothing to rebuild", Who: w.ways[0].pair(tags)},
	} {
		r.Unit, r.Want, r.Traffic = measure.Millis, ofPeer(0.7), line.Traffic
		r.Also = []measure.Also{{Unit: measure.Requests, Want: ofPeer(1)}}
		rows = append(rows, r)
	}
	return rows, nil
}

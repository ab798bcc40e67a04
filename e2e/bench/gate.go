package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
)

// gates returns the rows about the examination of executables. Its cost shows beside the same build with --verify=off.
func (w *world) gates(context.Context) ([]measure.Row, error) {
	many, still := filepath.Join(w.dir, "gate-many"), filepath.Join(w.dir, "gate-still")
	few, change, err := w.fewFiles("gate-few")
	if err != nil {
		return nil, err
	}
	for dir, lines := range map[string]string{many: "COPY . /app/$TARGETARCH\n", still: "COPY file /$TARGETARCH/\n"} {
		if err := fill(filepath.Join(dir, "Dockerfile"), "FROM "+w.base+"\nARG TARGETARCH\n"+lines); err != nil {
			return nil, err
		}
	}
	if err := refill(filepath.Join(still, "file"), 1<<20)(); err != nil {
		return nil, err
	}
	for i := range manyFiles {
		if err := fill(filepath.Join(many, strconv.Itoa(i/200), strconv.Itoa(i%200)), fmt.Sprintf("file %d\n", i)); err != nil {
			return nil, err
		}
	}
	both := func(dir string) []measure.Contestant {
		return w.checkedAndNot(w.ourBuild(scenario{dir: dir, platforms: three}), "--verify=off")
	}
	return []measure.Row{
		{
			Name: "gate: 3 platforms, nothing changed", Unit: measure.Millis, Times: 4, Who: both(still),
			Want: []measure.Bound{measure.MoreThan(10, measure.Unchecked, "ms more than with --verify=off")},
		},
		{Name: "gate: 3 platforms, nothing changed, first sight of the base", Unit: measure.Millis, Who: both(still), Before: w.forgetListings},
		{
			Name: "gate: 3 platforms, 150 MB changed in few files", Unit: measure.Millis, Runs: 5, Warm: 1, Who: both(few),
			Want: []measure.Bound{measure.Times(1.03, measure.Unchecked)}, Before: change, Tidy: w.emptied(few),
		},
		{
			Name: "gate: 3 platforms, 20,000 small files changed", Unit: measure.Millis, Runs: 5, Warm: 1, Who: both(many),
			Want:   []measure.Bound{measure.Times(1.25, measure.Unchecked)},
			Before: refill(filepath.Join(many, "0", "0"), 32), // one file is enough to make the whole layer new
			Tidy:   w.emptied(many),
		},
	}, nil
}

// forgetListings removes the cached listings of base images.
func (w *world) forgetListings() error { return os.RemoveAll(filepath.Join(w.dir, ".cache")) }

// verifies returns the rows about `verify` of a large image, a third of which is the same for all platforms. The image is made on
// first use.
func (w *world) verifies(ctx context.Context) ([]measure.Row, error) {
	dir, ref := filepath.Join(w.dir, "large"), w.tag("large")
	push := sync.OnceValue(func() error {
		dockerfile := "FROM scratch\nARG TARGETARCH\nCOPY --link same /same\nCOPY $TARGETARCH /own\n"
		if err := fill(filepath.Join(dir, "Dockerfile"), dockerfile); err != nil {
			return err
		}
		for _, name := range []string{"same/0", "same/1", "amd64/0", "arm64/0", "arm/0"} {
			if err := refillAll([]string{filepath.Join(dir, name)}, 200<<20)(); err != nil {
				return err
			}
		}
		_, err := w.docker(ctx, w.ways[0], "multiarch", "build", "--builder", ourBuilder, "--verify=off", "--platform", three, "--push", "-t", ref, dir)
		return err
	})
	who := []measure.Contestant{{Name: measure.Ours, Cmd: []string{w.plugin, "verify", ref}, Env: w.ways[0].env}}
	before := func() error { return firstError(push, w.forgetListings) }
	return []measure.Row{{
		Name: "verify: 1 GB over 3 platforms", Unit: measure.Millis, Runs: 5, Warm: 1, Who: who, Before: before, Tidy: w.emptied(dir),
		Also: []measure.Also{{Unit: measure.MiB, Want: []measure.Bound{measure.AtMost(128, "")}}},
	}}, nil
}

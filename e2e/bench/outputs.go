package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// outputs returns the rows about images that are loaded into the engine, for each kind of store, and about archives.
func (w *world) outputs(ctx context.Context) ([]measure.Row, error) {
	big, carried := filepath.Join(w.dir, "big"), filepath.Join(w.dir, "carried")
	for dir, size := range map[string]int64{big: 150 << 20, carried: 20 << 20} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		dockerfile := "FROM " + w.base + "\nLABEL " + benchLabel + "=1\nCOPY big /\nCOPY small /\n"
		if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
			return nil, err
		}
		for name, size := range map[string]int64{"big": size, "small": 1 << 10} {
			if err := refill(filepath.Join(dir, name), size)(); err != nil {
				return nil, err
			}
		}
	}
	var rows []measure.Row
	for _, y := range w.stores {
		who := y.pair(func(name string) []string { return []string{"-t", "bench/" + name, "--load", big} })
		rows = append(rows,
			measure.Row{Name: "--load of 150 MB, nothing to rebuild (" + y.name + ")", Unit: measure.Millis, Want: ofPeer(0.15), Who: who},
			measure.Row{
				Name: "--load of 150 MB, a small last layer changed (" + y.name + ")", Unit: measure.Millis, Want: ofPeer(0.5), Who: who,
				Before: refill(filepath.Join(big, "small"), 1<<10),
			})
	}
	archive := w.ways[0].pair(func(name string) []string {
		return []string{"--platform", three, "-o", "type=oci,dest=" + filepath.Join(w.dir, name+".tar"), carried}
	})
	far, err := w.farLoads(ctx)
	return slices.Concat(rows, []measure.Row{{Name: "-o type=oci of 3 platforms", Unit: measure.Millis, Want: ofPeer(1.1), Who: archive}}, far), err
}

// farLoads returns the row about an engine that a line of 20 MB/s and 5 ms each way leads to. Its images are made by a step, so that no
// context crosses the line.
func (w *world) farLoads(ctx context.Context) ([]measure.Row, error) {
	dir := filepath.Join(w.dir, "made")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	dockerfile := "FROM " + w.base + "\nLABEL " + benchLabel + "=1\nCOPY small /\nRUN head -c 52428800 /dev/urandom >/big\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		return nil, err
	}
	proxy := testenv.Far{To: w.engine, Rate: 20e6, Delay: 5 * time.Millisecond}
	if err := proxy.Start(); err != nil {
		return nil, err
	}
	w.undo = append(w.undo, func(context.Context) { proxy.Close() })
	y, err := w.newWay("far", proxy.Address())
	if err != nil {
		return nil, err
	}
	y.remote = "docker-container://" + ourContainer
	if err := w.makePeers(ctx, y); err != nil {
		return nil, err
	}
	who := y.pair(func(name string) []string { return []string{"-t", "bench/" + name, "--load", dir} })
	return []measure.Row{{
		Name: "--load of 50 MB that a step has made, on a far engine", Unit: measure.Millis, Want: ofPeer(noSlower), Who: who,
		Before: refill(filepath.Join(dir, "small"), 1<<10), Tidy: w.emptied(""),
	}}, nil
}

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// These rows are about outputs other than a push.
const (
	loadAgain   = "--load of 150 MB, nothing to rebuild"
	loadChanged = "--load of 150 MB, a small last layer changed"
	loadFar     = "--load of 50 MB that a step has made, on a far engine"
	archiveCase = "-o type=oci of 3 platforms"

	// benchLabel is on the images that are loaded, so that they can be removed.
	benchLabel = "com.docker-multiarch.bench"
)

// outputs returns the rows about images that are loaded into the engine, for each kind of store, and about archives.
func (w *world) outputs(ctx context.Context) ([]row, error) {
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
	var rows []row
	for _, y := range w.stores {
		who := w.pair(y, func(name string) []string { return []string{"-t", "bench/" + name, "--load", big} })
		rows = append(rows,
			row{name: loadAgain + " (" + y.name + ")", unit: millis, who: who},
			row{name: loadChanged + " (" + y.name + ")", unit: millis, who: who, before: refill(filepath.Join(big, "small"), 1<<10)})
	}
	archive := w.pair(w.ways[0], func(name string) []string {
		return []string{"--platform", three, "-o", "type=oci,dest=" + filepath.Join(w.dir, name+".tar"), carried}
	})
	far, err := w.farLoads(ctx)
	return slices.Concat(rows, []row{{name: archiveCase, unit: millis, who: archive}}, far), err
}

// farLoads returns the row about an engine that a line of 20 MB/s and 5 ms each way leads to. Its images are made by a step, so that no
// context crosses the line.
func (w *world) farLoads(ctx context.Context) ([]row, error) {
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
	who := w.pair(y, func(name string) []string { return []string{"-t", "bench/" + name, "--load", dir} })
	return []row{{name: loadFar, unit: millis, who: who, before: refill(filepath.Join(dir, "small"), 1<<10), tidy: w.emptied("")}}, nil
}

// pair returns ours and the peer's own, with the last words of their build commands.
func (w *world) pair(y way, words func(name string) []string) []contestant {
	return []contestant{
		{ours, slices.Concat([]string{"docker", "multiarch", "build", "--builder", ourBuilder}, words(ours)), y.env},
		{peer, slices.Concat([]string{"docker", "buildx", "build", "--builder", peerBuilder, "--provenance=false"}, words(peer)), y.env},
	}
}

// addStores finds the engines to load images into: the measured one, and one with a containerd store, if there is one.
func (w *world) addStores(ctx context.Context) error {
	status, err := w.docker(ctx, w.ways[0], "info", "-f", "{{.DriverStatus}}")
	if err != nil {
		return err
	}
	w.stores = []way{w.ways[0]}
	w.stores[0].name = "classic"
	if strings.Contains(status, "io.containerd.snapshotter") {
		w.stores[0].name = "containerd"
	}
	w.forget(w.stores[0])
	host := os.Getenv("MULTIARCH_E2E_CONTAINERD")
	if host == "" || host == w.engine {
		return nil
	}
	y, err := w.newWay("containerd", host)
	if err != nil {
		return err
	}
	if err := w.makeOurs(ctx, y); err != nil {
		return err
	}
	y.remote = "docker-container://" + ourContainer
	if err := w.makePeers(ctx, y); err != nil {
		return err
	}
	w.stores = append(w.stores, y)
	w.forget(y)
	return nil
}

// forget removes the loaded images at the end.
func (w *world) forget(y way) {
	w.undo = append(w.undo, func(ctx context.Context) {
		for _, name := range []string{ours, peer} {
			_, _ = w.docker(ctx, y, "image", "rm", "-f", "bench/"+name)
		}
		if _, err := w.docker(ctx, y, "image", "prune", "-f", "--filter", "label="+benchLabel); err != nil {
			fmt.Fprintln(w.log, "bench: images may be left:", err)
		}
	})
}

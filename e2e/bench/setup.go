package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// newWorld makes the registry, the builders and the contexts. The caller closes the world.
func newWorld(ctx context.Context, plugin string, log io.Writer) (w *world, err error) {
	w = &world{
		log: log, plugin: plugin, peer: os.Getenv("MULTIARCH_E2E_BUILDX"), engine: os.Getenv("MULTIARCH_E2E_ENGINE"),
		registry: os.Getenv("MULTIARCH_E2E_REGISTRY"), base: os.Getenv("MULTIARCH_E2E_BASE"),
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.peer == "" || w.engine == "" || w.registry == "" || w.base == "" {
		return w, fmt.Errorf("MULTIARCH_E2E_BUILDX, _ENGINE, _REGISTRY and _BASE are not all set: run e2e/env/up.sh test, and this through e2e/env/with.sh")
	}
	if w.plugin, err = filepath.Abs(plugin); err != nil {
		return w, err
	}
	if _, err := os.Stat(w.plugin); err != nil {
		return w, fmt.Errorf("our binary: %w (run make build)", err)
	}
	if w.dir, err = os.MkdirTemp("", "docker-multiarch-bench-"); err != nil {
		return w, err
	}
	w.environ = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "DOCKER_MULTIARCH_TRUST_IMAGE=" + os.Getenv("DOCKER_MULTIARCH_TRUST_IMAGE")}
	w.frontend = os.Getenv("MULTIARCH_E2E_FRONTEND")
	w.bare = filepath.Join(w.dir, "bare")
	if out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", w.bare, "./e2e/bench/bare").CombinedOutput(); err != nil {
		return w, fmt.Errorf("build the bare client: %w\n%s", err, out)
	}
	if err := w.ownRegistry(ctx); err != nil {
		return w, err
	}
	if w.cases, err = scenarios(w.dir, w.base); err != nil {
		return w, err
	}
	return w, w.builders(ctx)
}

// ownRegistry puts a registry with a copy of the base image in place of the one of the environment, so that nothing of what is pushed stays.
func (w *world) ownRegistry(ctx context.Context) error {
	r, err := testenv.NewRegistry()
	if err != nil {
		fmt.Fprintf(w.log, "bench: %v: what is pushed stays in %s\n", err, w.registry)
		return nil
	}
	w.undo = append(w.undo, func(context.Context) { r.Stop() })
	_, path, _ := strings.Cut(w.base, "/")
	copied := r.Host() + "/" + path
	cmd := exec.CommandContext(ctx, w.peer, "imagetools", "create", "-t", copied, w.base)
	cmd.Env = w.environ
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("copy the base image: %w\n%s", err, out)
	}
	w.registry, w.base = r.Host(), copied
	return nil
}

// builders makes ours and the peer's, and finds the ways to connect to them.
func (w *world) builders(ctx context.Context) error {
	tcp := w.engine // a client that connects by TCP cannot know that it is on the engine's machine
	if strings.HasPrefix(w.engine, "unix://") {
		proxy := testenv.Far{To: w.engine}
		if err := proxy.Start(); err != nil {
			return err
		}
		w.undo = append(w.undo, func(context.Context) { proxy.Close() })
		tcp = proxy.Address()
	}
	direct, err := w.newWay("socket", w.engine)
	if err != nil {
		return err
	}
	if err := w.makeOurs(ctx, direct); err != nil {
		return err
	}
	pid, err := w.docker(ctx, direct, "inspect", "-f", "{{.State.Pid}}", ourContainer)
	if err != nil {
		return err
	}
	socket := "/proc/" + strings.TrimSpace(pid) + "/root/run/buildkit/buildkitd.sock"
	if _, err := os.Stat(socket); err == nil {
		direct.remote, direct.bare = "unix://"+socket, []string{"-socket", socket}
		w.ways = append(w.ways, direct)
	} else {
		fmt.Fprintf(w.log, "bench: buildkitd's socket is not in this machine's file system (%v): only the way by exec is measured\n", err)
	}
	byExec, err := w.newWay("exec", tcp)
	if err != nil {
		return err
	}
	byExec.remote, byExec.bare = "docker-container://"+ourContainer, []string{"-host", tcp, "-container", ourContainer}
	w.ways = append(w.ways, byExec)
	for _, y := range w.ways {
		if err := w.makePeers(ctx, y); err != nil {
			return err
		}
	}
	return w.addStores(ctx)
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
		for _, name := range []string{measure.Ours, measure.Peer} {
			_, _ = w.docker(ctx, y, "image", "rm", "-f", "bench/"+name)
		}
		if _, err := w.docker(ctx, y, "image", "prune", "-f", "--filter", "label="+benchLabel); err != nil {
			fmt.Fprintln(w.log, "bench: images may be left:", err)
		}
	})
}

// machine describes the machine and the programs.
func (w *world) machine(ctx context.Context) string {
	load, _ := os.ReadFile("/proc/loadavg") // unknown elsewhere
	first, _, _ := strings.Cut(string(load), " ")
	version := func(words ...string) string {
		cmd := exec.CommandContext(ctx, words[0], words[1:]...)
		cmd.Env = w.ways[0].env
		out, _ := cmd.Output() // without it the page is true as well
		return cmp.Or(regexp.MustCompile(`\bv[0-9]\S*`).FindString(string(out)), "of an unknown version")
	}
	return fmt.Sprintf("Measured on %s: %s/%s with %d CPUs, load average %s before the run; docker buildx %s, BuildKit %s.",
		time.Now().Format(time.DateOnly), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), cmp.Or(first, "unknown"),
		version(w.peer, "version"), version("docker", "exec", ourContainer, "buildkitd", "--version"))
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// These builders are made here and removed at the end.
const (
	ourBuilder   = "bench"
	ourContainer = "docker-multiarch-bench-0"
	peerBuilder  = "docker-multiarch-bench-peer"
	sameBuilder  = "docker-multiarch-bench-same"
)

// world is the state that all rows share.
type world struct {
	dir              string // removed at the end
	plugin, peer     string // the binaries
	bare             string
	frontend         string // BuildKit's Dockerfile frontend as a program; "" if there is none
	engine, registry string
	base             string
	cases            []scenario
	ways             []way
	stores           []way // engines that images are loaded into, by the kind of their store
	log              io.Writer
	undo             []func(context.Context)
	environ          []string
}

// way is a client's connection to the engine and to BuildKit.
type way struct {
	name   string
	host   string   // DOCKER_HOST
	env    []string // of every client
	remote string   // our buildkitd, in the form of the peer's remote driver
	bare   []string // our buildkitd, in the bare client's flags
}

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

// daemon starts a BuildKit of this machine that no engine has started.
func (w *world) daemon(platforms ...string) (*testenv.Daemon, error) {
	buildctl := os.Getenv("MULTIARCH_E2E_BUILDCTL")
	if buildctl == "" || os.Geteuid() != 0 {
		return nil, errors.New("without root and MULTIARCH_E2E_BUILDCTL no BuildKit is started here")
	}
	dir, err := testenv.NewDir()
	if err != nil {
		return nil, err
	}
	d := &testenv.Daemon{Program: filepath.Join(filepath.Dir(buildctl), "buildkitd"), Dir: dir, Platforms: platforms}
	w.undo = append(w.undo, func(context.Context) { d.Stop() })
	if err := d.Start(); err != nil {
		return nil, err
	}
	return d, d.Wait()
}

// both returns ours and the peer, with words that they share.
func (w *world) both(y way, words func(name string) []string) []contestant {
	return []contestant{
		{ours, append([]string{"docker", "multiarch"}, words(ours)...), y.env},
		{peer, append([]string{"docker", "buildx"}, words(peer)...), y.env},
	}
}

// onRemote makes builders of ours and of the peer for a BuildKit at an address.
func (w *world) onRemote(ctx context.Context, name, address string) error {
	for _, words := range [][]string{{"multiarch", "builder", "create", "--driver-opt", "network=host"}, {"buildx", "create"}} {
		if _, err := w.docker(ctx, w.ways[0], slices.Concat(words, []string{"--name", name, "--driver", "remote", address})...); err != nil {
			return err
		}
	}
	return nil
}

// emptied removes a context, and the caches of the builders that have built it, so that what is measured next has room.
func (w *world) emptied(dir string) func() {
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err := os.RemoveAll(dir)
		for _, words := range [][]string{{"multiarch", "builder", "prune", ourBuilder}, {"buildx", "prune", "--builder", peerBuilder}} {
			_, failed := w.docker(ctx, w.ways[0], append(words, "--all", "--force")...)
			err = errors.Join(err, failed)
		}
		if err != nil {
			fmt.Fprintln(w.log, "bench: disk is still taken:", err)
		}
	}
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

// newWay makes a Docker configuration of its own, since the peer stores in it by which address an engine is reached.
func (w *world) newWay(name, host string) (way, error) {
	config := filepath.Join(w.dir, "docker-"+name)
	plugins := filepath.Join(config, "cli-plugins")
	if err := os.MkdirAll(plugins, 0o755); err != nil {
		return way{}, err
	}
	for link, binary := range map[string]string{"docker-multiarch": w.plugin, "docker-buildx": w.peer} {
		if err := os.Symlink(binary, filepath.Join(plugins, link)); err != nil {
			return way{}, err
		}
	}
	env := append([]string{"DOCKER_CONFIG=" + config, "DOCKER_HOST=" + host}, w.environ...)
	return way{name: name, host: host, env: env}, os.WriteFile(filepath.Join(config, "config.json"), []byte("{}\n"), 0o600)
}

// makeOurs makes our builder. Its network is given explicitly, like the peer's: the base images are in a registry on loopback.
func (w *world) makeOurs(ctx context.Context, y way) error {
	dir := filepath.Join(w.dir, "first")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nLABEL first=build\n"), 0o644); err != nil {
		return err
	}
	w.undo = append(w.undo, func(ctx context.Context) { _, _ = w.docker(ctx, y, "multiarch", "builder", "rm", ourBuilder) })
	if _, err := w.docker(ctx, y, "multiarch", "builder", "create", "--name", ourBuilder, "--driver-opt", "network=host"); err != nil {
		return err
	}
	_, err := w.docker(ctx, y, "multiarch", "build", "--builder", ourBuilder, "--push", "-t", w.tag("first"), dir)
	return err
}

func (w *world) makePeers(ctx context.Context, y way) error {
	image, err := w.docker(ctx, y, "inspect", "-f", "{{.Config.Image}}", ourContainer)
	if err != nil {
		return err
	}
	w.undo = append(w.undo, func(ctx context.Context) { _, _ = w.docker(ctx, y, "buildx", "rm", peerBuilder) })
	if _, err := w.docker(ctx, y, "buildx", "create", "--name", peerBuilder, "--driver", "docker-container", "--bootstrap",
		"--driver-opt", "network=host,image="+strings.TrimSpace(image)); err != nil {
		return err
	}
	_, err = w.docker(ctx, y, "buildx", "create", "--name", sameBuilder, "--driver", "remote", y.remote)
	return err
}

func (w *world) tag(name string) string { return w.registry + "/bench/" + name + ":1" }

func (w *world) docker(ctx context.Context, y way, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Env = y.env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("docker %s: %w\n%s", strings.Join(args, " "), err, errs.Bytes())
	}
	return out.String(), nil
}

// close removes the builders and the files, also after an interrupt.
func (w *world) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i := len(w.undo) - 1; i >= 0; i-- {
		w.undo[i](ctx)
	}
	if w.dir != "" {
		_ = os.RemoveAll(w.dir)
	}
}

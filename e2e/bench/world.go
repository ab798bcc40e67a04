package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

// These builders are made here and removed at the end.
const (
	ourBuilder   = "bench"
	ourContainer = "docker-multiarch-bench-0"
	peerBuilder  = "docker-multiarch-bench-peer"
	sameBuilder  = "docker-multiarch-bench-same"

	// benchLabel is on the images that are loaded, so that they can be removed.
	benchLabel = "com.docker-multiarch.bench"
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
	undo             []func(context.Context) // is called at the end, the last one first
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

// backend passes requests on to the registry.
func (w *world) backend() http.Handler {
	return faultregistry.Upstream(&url.URL{Scheme: "http", Host: w.registry})
}

// serve serves on the loopback interface until the end, and returns host:port.
func (w *world) serve(ctx context.Context, h http.Handler) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: h}
	w.undo = append(w.undo, func(context.Context) { _ = server.Close() })
	go func() { _ = server.Serve(l) }()
	return l.Addr().String(), nil
}

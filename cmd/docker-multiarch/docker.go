package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/config"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/grpchijack"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/printable"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/internal/trust"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// dockerWorld is the world as the Docker CLI shows it: its context, its config file, its streams.
func dockerWorld(dockerCLI *command.DockerCli, stderr *os.File, version string) *world {
	// The progress display wants the file itself to know a terminal.
	w := &world{streams: streams{in: dockerCLI.In(), out: dockerCLI.Out(), err: stderr}, lookupEnv: os.LookupEnv, version: version}
	w.engine = sync.OnceValue(func() *engine.Engine { return engine.New(dockerCLI.Client()) }) // one, so that it is asked for its facts once
	w.config = dockerCLI.ConfigFile
	w.spec = func(opt connectOptions) (container.Spec, error) { return builderSpec(w, opt) }
	w.endpoint = func() (string, string) { return dockerCLI.CurrentContext(), dockerCLI.DockerEndpoint().Host }
	w.cacheDir = func() string {
		dir, _ := os.UserCacheDir() // an error is of a user without a home, who has no such place
		return dir
	}
	w.stateDir = func() string { return filepath.Join(config.Dir(), "multiarch") }
	w.proxies = func() map[string]string { return proxies(dockerCLI) }
	w.registry = func(ctx context.Context, note func(string), insecure ...string) (*manifest.Client, error) {
		info, err := w.engine().Info(ctx)
		info.InsecureRegistries = append(info.InsecureRegistries, insecure...)
		return newRegistry(w, info, note), err
	}
	w.anyRegistry = func(ctx context.Context, note func(string), insecure ...string) (*manifest.Client, error) {
		info, err := w.engine().Info(ctx)
		info.InsecureRegistries = append(info.InsecureRegistries, insecure...)
		if errors.Is(err, engine.ErrUnreachable) {
			err = nil
		}
		return newRegistry(w, info, note), err
	}
	w.connect = func(ctx context.Context, opt connectOptions) (*connection, error) { return connectBuilder(ctx, w, opt) }
	w.drivers = map[string]builder.Driver{
		container.DriverName: container.Driver{Engine: func(string) (*engine.Engine, error) { return w.engine(), nil }},
	}
	return w
}

// newRegistry is the client that writes the index. It trusts and reaches what docker push does.
func newRegistry(w *world, info engine.Info, note func(string)) *manifest.Client {
	return manifest.New(manifest.Options{
		Credential: w.logins().forRegistries(note),
		Insecure:   info.InsecureRegistries,
		CertDirs:   certDirs(),
		Transport:  &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true},
		UserAgent:  "docker-multiarch/" + w.version,
		PushCheck:  3 * time.Second, // an unreachable registry is said in under five, also on a busy machine
		Report: func(wait manifest.Wait) {
			note(fmt.Sprintf("waiting %s for %s: %s", wait.Delay.Round(time.Second/10), wait.Registry, printable.Line(wait.Reason)))
		},
	})
}

// connectBuilder makes the builder that a build needs ready and connects to it.
func connectBuilder(ctx context.Context, w *world, opt connectOptions) (*connection, error) {
	spec, err := w.spec(opt)
	if err != nil {
		return nil, err
	}
	spec.May, spec.Probe = opt.may, opt.probe
	nodes, err := builder.Open(ctx, w.drivers, []builder.Endpoint{spec.Endpoint}, spec.Spec, opt.note)
	if err != nil {
		return nil, err
	}
	node := nodes[0]
	for _, warning := range node.Warnings {
		opt.note("warning: " + warning)
	}
	end := watchDisk(ctx, node.Endpoint.Name(), node.Disk, diskLookAfter)
	return &connection{
		env:  solve.Env{Auth: w.logins().forBuilder(opt.note), Client: clientName(), Node: solveNode(node, opt)},
		node: node,
		close: func() {
			if warning := end(); warning != "" {
				opt.note(warning)
			}
			_ = node.Close()
		},
	}, nil
}

// solveNode is a node as a build sees it.
func solveNode(n *builder.Node, opt connectOptions) solve.Node {
	node := solve.Node{
		Node:   plan.Node{Name: n.Endpoint.Name(), Platforms: n.Platforms, CPUs: n.CPUs},
		Solver: solver{n.Client}, Blobs: builder.NewBlobs(n.Client), OnHost: n.OnHost, HostChosen: n.HostChosen, Probe: n.Probe,
	}
	if n.Engine != nil {
		node.Install = func(ctx context.Context, ps []platform.Platform) error {
			return installEmulators(ctx, n.Engine.Images, emulation.InstallOptions{
				Shell: n.Shell, Platforms: ps, HelperImage: n.Engine.Helper(ctx), Report: opt.note, Kernel: opt.containers,
			})
		}
	}
	return node
}

// solver adapts BuildKit's client to solve.Solver.
type solver struct{ *client.Client }

// Serve implements solve.Solver.
func (s solver) Serve(ctx context.Context, sess *session.Session) error {
	return sess.Run(ctx, grpchijack.Dialer(s.ControlClient()))
}

// installEmulators makes the engine's kernel run the platforms of opt, as far as the engine allows it.
func installEmulators(ctx context.Context, images trust.Images, opt emulation.InstallOptions) (err error) {
	if opt.Engine, err = images.Info(ctx); err != nil {
		return err
	}
	if opt.RegistryAuth, err = images.Auth(ctx, emulation.DefaultImage); err != nil {
		opt.Report("warning: " + err.Error())
	}
	opt.Runner = images
	_, err = emulation.Install(ctx, opt)
	return err
}

// builderSpec is what the flags, the Docker config and the build's own references ask of the builder.
func builderSpec(w *world, opt connectOptions) (container.Spec, error) {
	options, err := container.ParseOptions(opt.builder.driverOpts...)
	if err != nil {
		return container.Spec{}, &usage{err: fmt.Errorf("--driver-opt: %w", err)}
	}
	spec := container.Spec{
		Endpoint: builder.Endpoint{Builder: opt.builder.name, Driver: container.DriverName, Options: options},
		Spec: builder.Spec{
			Image: opt.builder.image, ToolVersion: w.version, Auth: w.logins().forPulls(opt.note), Trusted: opt.builder.trusted,
			Host:   builder.HostNetwork{Asked: opt.host.asks != "", For: opt.host.asks, Unasked: opt.host.unasked},
			Daemon: buildkitd.Settings{Proxies: w.proxies()},
		},
	}
	if opt.builder.config != "" {
		if spec.Daemon.Config, err = buildkitd.LoadConfig(opt.builder.config); err != nil {
			return spec, &usage{err: fmt.Errorf("--builder-config: %w", err)}
		}
	}
	var notes []string
	if spec.Daemon.Certs, notes, err = buildkitd.LoadCerts(certDirs()...); err != nil {
		return spec, err
	}
	for _, n := range notes {
		opt.note(n)
	}
	return spec, nil
}

// proxies are those that the Docker config has for this engine.
func proxies(dockerCLI *command.DockerCli) map[string]string {
	found := map[string]string{}
	for k, v := range dockerCLI.ConfigFile().ParseProxyConfig(dockerCLI.Client().DaemonHost(), nil) {
		if v != nil && strings.TrimSpace(*v) != "" {
			found[k] = *v
		}
	}
	return found
}

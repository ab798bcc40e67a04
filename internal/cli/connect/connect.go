// Package connect makes the environment of the commands from the Docker CLI: its context, its config file, its engine, and the
// connection to a builder on it.
package connect

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/docker/cli/cli/config"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/grpchijack"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/dockercli"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/printable"
	"github.com/docker-multiarch/docker-multiarch/internal/trust"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// Env returns the environment of the commands from the Docker CLI's context, config file and streams. The caller adds the drivers.
func Env(docker *dockercli.CLI, stderr *os.File, version string) *cli.Env {
	// The progress display needs the file itself to recognise a terminal.
	w := &cli.Env{Streams: cli.Streams{In: docker.In, Out: docker.Out, Err: stderr}, LookupEnv: os.LookupEnv, Version: version}
	opened := &engines{docker: docker, records: func() string { return w.Cached("engines") }}
	w.Engine = sync.OnceValue(opened.current) // one engine, so that its facts are read once
	w.EngineAt = opened.at
	opened.first = w.Engine
	w.Config = docker.ConfigFile
	w.Spec = func(ctx context.Context, opt cli.ConnectOptions) (builder.Builder, builder.Spec, error) {
		return builderSpec(ctx, w, opt)
	}
	w.Endpoint = func() (string, string) { return docker.Context(), hostOf(docker) }
	w.CacheDir = func() string {
		dir, _ := os.UserCacheDir() // fails only for a user without a home, who has no cache
		return dir
	}
	w.StateDir = func() string { return filepath.Join(config.Dir(), "multiarch") }
	w.Proxies = func() map[string]string { return proxies(docker) }
	w.Registry = func(ctx context.Context, note func(string), insecure ...string) *manifest.Client {
		return newRegistry(w, note, sync.OnceValue(func() []string {
			info, _ := w.Engine().Info(ctx) // an engine that cannot be asked lists none
			return append(info.InsecureRegistries, insecure...)
		}))
	}
	w.Connect = func(ctx context.Context, opt cli.ConnectOptions) (*cli.Connection, error) {
		return connectBuilder(ctx, w, opt)
	}
	return w
}

// newRegistry returns the client that writes the index. It trusts and reaches the same registries as docker push.
func newRegistry(w *cli.Env, note func(string), insecure func() []string) *manifest.Client {
	return manifest.New(manifest.Options{
		Credential: w.Logins().ForRegistries(note),
		Insecure:   insecure,
		CertDirs:   cli.CertDirs(),
		Transport:  &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true},
		UserAgent:  "docker-multiarch/" + w.Version,
		PushCheck:  3 * time.Second, // an unreachable registry is reported in under five seconds, also on a busy machine
		Report: func(wait manifest.Wait) {
			note(fmt.Sprintf("waiting %s for %s: %s", wait.Delay.Round(time.Second/10), wait.Registry, printable.Line(wait.Reason)))
		},
	})
}

// solver adapts BuildKit's client to solve.Solver.
type solver struct{ *client.Client }

// Serve implements solve.Solver.
func (s solver) Serve(ctx context.Context, run func(context.Context, session.Dialer) error) error {
	return run(ctx, grpchijack.Dialer(s.ControlClient()))
}

// installEmulators makes the engine's kernel run the platforms of opt, as far as the engine permits it.
func installEmulators(ctx context.Context, images trust.Images, note diag.Notes, opt emulation.InstallOptions) (err error) {
	if opt.Engine, err = images.Info(ctx); err != nil {
		return err
	}
	if opt.RegistryAuth, err = images.Auth(ctx, emulation.DefaultImage); err != nil {
		note(diag.Diagnostic{Severity: diag.Warning, Cause: err})
	}
	opt.Runner = images
	_, err = emulation.Install(ctx, opt)
	return err
}

// setOptions sets the driver options of a builder that no file defines.
func setOptions(w *cli.Env, b *builder.Builder, words []string) error {
	defined := b.DefinedBy != "" && !cli.IsAddress(b.Name)
	switch {
	case defined && len(words) > 0 && b.KeptBy != "":
		return &cli.Usage{Err: fmt.Errorf("--driver-opt does not apply to builder %q: %s keeps its nodes, in %s", b.Name, b.KeptBy, b.DefinedBy)}
	case defined && len(words) > 0:
		return &cli.Usage{
			Err:  fmt.Errorf("--driver-opt does not apply to builder %q: its nodes have options of their own, in %s", b.Name, b.DefinedBy),
			Hint: "change a node with docker multiarch builder create --name " + b.Name + " --node NODE --driver-opt …",
		}
	case defined:
		return nil
	}
	d, ok := w.Drivers[b.Nodes[0].Driver].(builder.Checker)
	if !ok {
		return fmt.Errorf("builder %q: unknown driver %q", b.Name, b.Nodes[0].Driver)
	}
	options, err := d.ParseOptions(words...)
	if err != nil {
		return &cli.Usage{Err: fmt.Errorf("--driver-opt: %w", err)}
	}
	b.Nodes[0].Options = options
	return nil
}

// builderSpec returns the builder's specification, from the flags, the Docker config and the build's own references.
func builderSpec(ctx context.Context, w *cli.Env, opt cli.ConnectOptions) (b builder.Builder, spec builder.Spec, err error) {
	if b, err = w.Builder(ctx, opt.Builder.Name); err != nil {
		return b, spec, err
	}
	if err := setOptions(w, &b, opt.Builder.DriverOpts); err != nil {
		return b, spec, err
	}
	if b.KeptBy != "" {
		opt.Note.Say(fmt.Sprintf("builder %q is that of %s, from %s", b.Name, b.KeptBy, b.DefinedBy))
	}
	spec = builder.Spec{
		Image: opt.Builder.Image, ToolVersion: w.Version, Auth: w.Logins().ForPulls(opt.Note.Say), Trusted: opt.Builder.Trusted,
		Host:   builder.HostNetwork{Requested: opt.Host.RequestedBy != "", For: opt.Host.RequestedBy, PermissionErr: opt.Host.PermissionErr},
		Daemon: buildkitd.Settings{Proxies: w.Proxies()}, Probes: w.Cached("probes"),
	}
	if opt.Builder.Config != "" {
		if spec.Daemon.Config, err = buildkitd.LoadConfig(opt.Builder.Config); err != nil {
			return b, spec, &cli.Usage{Err: err}
		}
	}
	var notes []string
	if spec.Daemon.Certs, notes, err = buildkitd.LoadCerts(cli.CertDirs()...); err != nil {
		return b, spec, err
	}
	for _, n := range notes {
		opt.Note.Say(n)
	}
	return b, spec, nil
}

// proxies returns the Docker config's proxies for this engine.
func proxies(docker *dockercli.CLI) map[string]string {
	found := map[string]string{}
	for k, v := range docker.ConfigFile().ParseProxyConfig(hostOf(docker), nil) {
		if v != nil && strings.TrimSpace(*v) != "" {
			found[k] = *v
		}
	}
	return found
}

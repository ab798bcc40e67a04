package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/distribution/reference"
	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// world is all that a command touches outside of itself. Tests put something else in its place.
type world struct {
	streams
	docker
	folders
	// lookupEnv gives a variable of the environment.
	lookupEnv func(string) (string, bool)
	version   string       // of this program
	early     earlyOptions // said before the command's name
	// listening is called by a command that handles signals from now on; nil if nobody else does.
	listening func()
	untold    []string // see result
	// loginsKept are the logins of the Docker config; see logins.
	loginsKept *logins
	loginsOnce sync.Once
}

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// docker is what a command knows and asks by the Docker CLI: its context, its config file, an engine, builders and registries.
type docker struct {
	// engine is the Docker Engine of the current context.
	engine func() *engine.Engine
	// drivers are the ways to have a BuildKit, by name.
	drivers map[string]builder.Driver
	// connect makes the builder ready and connects to it.
	connect func(context.Context, connectOptions) (*connection, error)
	// spec is what a build, or a command, asks of a builder.
	spec func(connectOptions) (container.Spec, error)
	// endpoint is the current Docker context and its engine's address.
	endpoint func() (context, host string)
	// proxies are those that the Docker config has for this engine, by the names of their variables.
	proxies func() map[string]string
	// config is the Docker config file.
	config func() *configfile.ConfigFile
	// registry is the client for all registries; note is told what it waits for. The insecure ones are those that the engine does not
	// list as such.
	registry func(ctx context.Context, note func(string), insecure ...string) (*manifest.Client, error)
	// anyRegistry is the same for a command that needs no engine: one that cannot be reached knows no insecure registries.
	anyRegistry func(ctx context.Context, note func(string), insecure ...string) (*manifest.Client, error)
}

// folders are where files of this user are kept.
type folders struct {
	// stateDir is where this user's preferences are kept.
	stateDir func() string
	// cacheDir is where this user's programs keep what can be made again; "" if there is no such place.
	cacheDir func() string
}

// answering is the engine, if it answers at all: the client library may wait without a bound for one that does not.
func (w *world) answering(ctx context.Context) (*engine.Engine, error) {
	eng := w.engine()
	return eng, eng.Answers(ctx)
}

// startPreflight asks every repository whether it would take a push. The function that it returns waits for all answers, and gives those
// that are refusals, joined.
func startPreflight(ctx context.Context, c *manifest.Client, repos []reference.Named, note func(string)) func(context.Context) error {
	errs := make([]error, len(repos))
	var asking sync.WaitGroup
	for i, repo := range repos {
		asking.Go(func() {
			var hint string
			if hint, errs[i] = c.CheckPush(ctx, repo); hint != "" {
				note(hint)
			}
		})
	}
	answered := make(chan struct{})
	go func() { asking.Wait(); close(answered) }()
	return func(ctx context.Context) error {
		select {
		case <-answered:
			return preflight.Together(errs...)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// clientName identifies who sends the build context, so that BuildKit can be sent differences only.
func clientName() string {
	host, _ := os.Hostname()
	home, _ := os.UserHomeDir()
	return host + ":" + home
}

// builderOptions name the builder and say what it is to be.
type builderOptions struct {
	name, image, config string
	driverOpts, trust   []string
	trusted             []digest.Digest // parsed: by trust, by the environment and by what is kept
}

// hostNetwork is what of a build needs the network of the engine's host: registries on loopback. --driver-opt network=host is not
// among it.
type hostNetwork struct {
	asks    string // what on the command line, or in the environment, names one; "" if nothing does
	unasked error  // what names one and may not ask, where nothing does that may
}

// earlyOptions are build's options that docker buildx takes before the command's name, too.
type earlyOptions struct {
	builder string
	debug   bool
}

// listings is the folder that keeps what layers have, so that none is read twice; "" if there is no place for it.
func (w *world) listings() string { return w.kept("layers") }

// kept is what may be deleted at any time: a file or a folder in the user's cache. "" if there is no place for it.
func (w *world) kept(name string) string {
	if dir := w.cacheDir(); dir != "" {
		return filepath.Join(dir, "docker-multiarch", name)
	}
	return ""
}

// logins are those of the Docker config, for the whole run.
func (w *world) logins() *logins {
	w.loginsOnce.Do(func() {
		w.loginsKept = newLogins(w.config, func() io.Writer { return w.err })
	})
	return w.loginsKept
}

// systemCerts is where the Docker Engine keeps the certificates of registries (docs.docker.com, "Verify repository client with
// certificates"); Docker Desktop reads the same tree from the Docker config directory.
const systemCerts = "/etc/docker/certs.d"

// certDirs are the folders with the certificates of registries.
func certDirs() []string { return []string{systemCerts, filepath.Join(config.Dir(), "certs.d")} }

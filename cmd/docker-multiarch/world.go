package main

import (
	"context"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/distribution/reference"
	"github.com/docker/cli/cli/config/configfile"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// world is all that a command touches outside of itself. Tests put something else in its place.
type world struct {
	in        io.Reader
	out, err  io.Writer
	lookupEnv func(string) (string, bool)
	early     earlyOptions // said before the command's name
	untold    []string     // see result
	// listening is called by a command that handles signals from now on; nil if nobody else does.
	listening func()
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
	// stateDir is where this user's preferences are kept.
	stateDir func() string
	// cacheDir is where this user's programs keep what can be made again; "" if there is no such place.
	cacheDir func() string
	// proxies are those that the Docker config has for this engine, by the names of their variables.
	proxies func() map[string]string
	// config is the Docker config file.
	config func() *configfile.ConfigFile
	// loginsKept are the logins of that file; see logins.
	loginsKept *logins
	loginsOnce sync.Once
	// registry is the client for all registries; note is told what it waits for. The insecure ones are those that the engine does not
	// list as such.
	registry func(ctx context.Context, note func(string), insecure ...string) (*manifest.Client, error)
	// anyRegistry is the same for a command that needs no engine: one that cannot be reached knows no insecure registries.
	anyRegistry func(ctx context.Context, note func(string), insecure ...string) (*manifest.Client, error)
}

// connectOptions say which builder, and what the build is going to ask of it.
type connectOptions struct {
	builder builderOptions
	probe   []platform.Platform // to ask the engine's kernel about ahead
	host    hostNetwork         // what asks for the network of the engine's host
	// may is asked before a builder is made: its error means that it would be made for nothing. nil allows it.
	may        func(context.Context) error
	note       func(string)
	containers bool // also the engine's own containers are to run what emulators are installed for
}

// connection is a builder that is ready.
type connection struct {
	env   solve.Env // without Registry and Progress
	node  *builder.Node
	close func()
}

// image is the builder's, by name; "" if there is none that is known.
func (c *connection) image() string {
	if c.node.Engine == nil {
		return ""
	}
	return c.node.Engine.Image
}

// answering is the engine, if it answers at all: the client library may wait without a bound for one that does not.
func (w *world) answering(ctx context.Context) (*engine.Engine, error) {
	eng := w.engine()
	return eng, eng.Answers(ctx)
}

// fromEnv is a setting from the environment; several values have commas between them.
func (w *world) fromEnv(name string) choice {
	value, _ := w.lookupEnv(name)
	if value == "" {
		return choice{from: name}
	}
	return choice{strings.Split(value, ","), name}
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

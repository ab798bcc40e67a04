package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/cli/cli/config/configfile"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/build"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// world is all that a command touches outside of itself. Tests put something else in its place.
type world struct {
	in        io.Reader
	out, err  io.Writer
	lookupEnv func(string) (string, bool)
	early     earlyOptions // said before the command's name
	// listening is called by a command that handles signals from now on; nil if nobody else does.
	listening func()
	// engine is the Docker Engine of the current context.
	engine func() *engine.Engine
	// connect makes the builder ready and connects to it.
	connect func(context.Context, connectOptions) (*connection, error)
	// spec is what a build, or a command, asks of a builder.
	spec func(connectOptions) (builder.Spec, error)
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
	// registry is the client for all registries; note is told what it waits for. The insecure ones are those that the engine does not
	// list as such.
	registry func(ctx context.Context, note func(string), insecure ...string) (*manifest.Client, error)
	// anyRegistry is the same for a command that needs no engine: one that cannot be reached knows no insecure registries.
	anyRegistry func(ctx context.Context, note func(string), insecure ...string) (*manifest.Client, error)
}

// connectOptions say which builder, and what the build is going to ask of it.
type connectOptions struct {
	builder    builderOptions
	probe      []platform.Platform // to ask the engine's kernel about ahead
	references []string            // images that may be in a registry on this machine's loopback
	note       func(string)
	containers bool // also the engine's own containers are to run what emulators are installed for
}

// connection is a builder that is ready.
type connection struct {
	env   build.Env // without Registry and Progress
	close func()
	// gateway is the address under which containers of the engine reach its host.
	gateway func(context.Context) (string, error)
	// lost says what became of a builder whose connection broke.
	lost func(context.Context) error
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

// errRefused is the cause of a context that ended because a registry would not take the result.
type errRefused struct{ err error }

func (e errRefused) Error() string { return e.err.Error() }
func (e errRefused) Unwrap() error { return e.err }

// refused tells whether ctx ended for that reason.
func refused(ctx context.Context) (error, bool) {
	r, ok := errors.AsType[errRefused](context.Cause(ctx))
	return &build.PreflightError{Err: r.err}, ok
}

// startPreflight asks every repository whether it would take a push. What one refuses ends ctx by stop, at once: also while a
// builder is being made. The function that it returns waits for the answers.
func startPreflight(
	ctx context.Context, stop context.CancelCauseFunc, c *manifest.Client, repos []reference.Named, note func(string),
) func(context.Context) error {
	answers := make(chan error, len(repos))
	for _, repo := range repos {
		go func() {
			hint, err := c.CheckPush(ctx, repo)
			if err != nil && ctx.Err() == nil {
				stop(errRefused{err})
			}
			if hint != "" {
				note(hint)
			}
			answers <- err
		}()
	}
	return func(ctx context.Context) error {
		var first error
		for range repos {
			select {
			case err := <-answers:
				if first == nil {
					first = err
				}
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return first
	}
}

// clientName identifies who sends the build context, so that BuildKit can be sent differences only.
func clientName() string {
	host, _ := os.Hostname()
	home, _ := os.UserHomeDir()
	return host + ":" + home
}

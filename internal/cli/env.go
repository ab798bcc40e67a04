// Package cli is what all commands share: the environment that they touch ([Env]), the streams that they write to, errors with hints and
// exit statuses, formats of answers, completions, and the flags that several of them have. Nothing in it is about one command.
package cli

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/logins"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// Env is all that a command touches outside of itself. Tests put something else in its place.
type Env struct {
	Streams
	Docker
	Folders
	// LookupEnv gives a variable of the environment.
	LookupEnv func(string) (string, bool)
	Version   string       // of this program
	Early     earlyOptions // said before the command's name
	// Listening is called by a command that handles signals from now on; nil if nobody else does.
	Listening func()
	untold    []string // see result
	// loginsKept are the logins of the Docker config; see logins.
	loginsKept *logins.Logins
	loginsOnce sync.Once
}

// Streams are what a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Docker is what a command knows and asks by the Docker CLI: its context, its config file, an engine, builders and registries.
type Docker struct {
	// Engine is the Docker Engine of the current context.
	Engine func() *engine.Engine
	// Drivers are the ways to have a BuildKit, by name.
	Drivers map[string]builder.Driver
	// Connect makes the builder ready and connects to it.
	Connect func(context.Context, ConnectOptions) (*Connection, error)
	// Spec is what a build, or a command, asks of a builder: of which node, and what.
	Spec func(ConnectOptions) (builder.Endpoint, builder.Spec, error)
	// Endpoint is the current Docker context and its engine's address.
	Endpoint func() (context, host string)
	// Proxies are those that the Docker config has for this engine, by the names of their variables.
	Proxies func() map[string]string
	// Config is the Docker config file.
	Config func() *configfile.ConfigFile
	// Registry is the client for all registries; note is told what it waits for. The insecure ones are those that the engine does not
	// list as such.
	Registry func(ctx context.Context, note func(string), insecure ...string) (*manifest.Client, error)
	// AnyRegistry is the same for a command that needs no engine: one that cannot be reached knows no insecure registries.
	AnyRegistry func(ctx context.Context, note func(string), insecure ...string) (*manifest.Client, error)
}

// Folders are where files of this user are kept.
type Folders struct {
	// StateDir is where this user's preferences are kept.
	StateDir func() string
	// CacheDir is where this user's programs keep what can be made again; "" if there is no such place.
	CacheDir func() string
}

// Answering is the engine, if it answers at all: the client library may wait without a bound for one that does not.
func (w *Env) Answering(ctx context.Context) (*engine.Engine, error) {
	eng := w.Engine()
	return eng, eng.Answers(ctx)
}

// ClientName identifies who sends the build context, so that BuildKit can be sent differences only.
func ClientName() string {
	host, _ := os.Hostname()
	home, _ := os.UserHomeDir()
	return host + ":" + home
}

// BuilderOptions name the builder and say what it is to be.
type BuilderOptions struct {
	Name, Image, Config string
	DriverOpts, Trust   []string
	Trusted             []digest.Digest // parsed: by trust, by the environment and by what is kept
}

// HostNetwork is what of a build needs the network of the engine's host: registries on loopback. --driver-opt network=host is not
// among it.
type HostNetwork struct {
	Asks    string // what on the command line, or in the environment, names one; "" if nothing does
	Unasked error  // what names one and may not ask, where nothing does that may
}

// earlyOptions are build's options that docker buildx takes before the command's name, too.
type earlyOptions struct {
	Builder string
	Debug   bool
}

// Listings is the folder that keeps what layers have, so that none is read twice; "" if there is no place for it.
func (w *Env) Listings() string { return w.Cached("layers") }

// Cached is what may be deleted at any time: a file or a folder in the user's cache. "" if there is no place for it.
func (w *Env) Cached(name string) string {
	if dir := w.CacheDir(); dir != "" {
		return filepath.Join(dir, "docker-multiarch", name)
	}
	return ""
}

// Logins are those of the Docker config, for the whole run.
func (w *Env) Logins() *logins.Logins {
	w.loginsOnce.Do(func() {
		w.loginsKept = logins.New(w.Config, func() io.Writer { return w.Err })
	})
	return w.loginsKept
}

// systemCerts is where the Docker Engine keeps the certificates of registries (docs.docker.com, "Verify repository client with
// certificates"); Docker Desktop reads the same tree from the Docker config directory.
const systemCerts = "/etc/docker/certs.d"

// CertDirs are the folders with the certificates of registries.
func CertDirs() []string { return []string{systemCerts, filepath.Join(config.Dir(), "certs.d")} }

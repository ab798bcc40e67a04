// Package cli has what all commands share: their environment ([Env]), their output streams, errors with hints and exit statuses,
// output formats, completions, and common flags. Nothing in it is about one command.
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
	"github.com/docker-multiarch/docker-multiarch/builder/store"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/logins"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// Env is the environment of a command: streams, engine, builders, registries, files. Tests replace it.
type Env struct {
	Streams
	Docker
	Folders
	// LookupEnv returns a variable of the environment.
	LookupEnv func(string) (string, bool)
	Version   string       // of this program
	Early     earlyOptions // given before the command's name
	// Listening is called by a command that handles signals from then on; nil if no other handler is set.
	Listening  func()
	unreported []string // see Result
	// loginsKept are the logins of the Docker config; see Logins.
	loginsKept *logins.Logins
	loginsOnce sync.Once
	// builders is the store of the user's builders; see Builders.
	builders     *store.Store
	buildersOnce sync.Once
}

// Streams are the streams that a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Docker has the values that a command gets from the Docker CLI: its context, its config file, an engine, builders and registries.
type Docker struct {
	// Engine returns the Docker Engine of the current context.
	Engine func() *engine.Engine
	// EngineAt returns the Docker Engine of a context, or at an address such as ssh://host; "" is that of the current context. Each
	// is opened once.
	EngineAt func(address string) (*engine.Engine, error)
	// Drivers are the drivers of builders, by name.
	Drivers map[string]builder.Driver
	// Connect makes the builder's nodes ready and connects to them.
	Connect func(context.Context, ConnectOptions) (*Connection, error)
	// Spec returns the builder and the specification that a build or a command asks for.
	Spec func(context.Context, ConnectOptions) (builder.Builder, builder.Spec, error)
	// Endpoint returns the current Docker context and its engine's address.
	Endpoint func() (context, host string)
	// Proxies returns the Docker config's proxies for this engine, by the names of their variables.
	Proxies func() map[string]string
	// Config returns the Docker config file.
	Config func() *configfile.ConfigFile
	// Registry returns the client for all registries. The client calls note when it waits. insecure are insecure registries that the
	// engine does not list as such. The engine is asked only for a registry elsewhere than on loopback, and need not answer.
	Registry func(ctx context.Context, note func(string), insecure ...string) *manifest.Client
}

// Folders are the folders for the user's files.
type Folders struct {
	// StateDir is the folder for the user's preferences.
	StateDir func() string
	// CacheDir is the folder for files that can be made again; "" if there is none.
	CacheDir func() string
}

// ReachableEngine returns the engine if it answers. The client library may wait forever for an engine that does not.
func (w *Env) ReachableEngine(ctx context.Context) (*engine.Engine, error) {
	eng := w.Engine()
	return eng, eng.Answers(ctx)
}

// ClientName identifies the sender of the build context, so that BuildKit can ask for differences only.
func ClientName() string {
	host, _ := os.Hostname()
	home, _ := os.UserHomeDir()
	return host + ":" + home
}

// BuilderOptions name the builder and describe its configuration.
type BuilderOptions struct {
	Name, Image, Config string
	DriverOpts, Trust   []string
	Trusted             []digest.Digest // parsed: from flags, the environment and the stored list
}

// HostNetwork is the need of a build for the network of the engine's host: it uses registries on loopback. It does not include
// --driver-opt network=host.
type HostNetwork struct {
	RequestedBy   string // the flag or variable with a loopback registry; "" for none
	PermissionErr error  // the error for a loopback registry that the user did not name; nil if Asks is set
}

// earlyOptions are options of build that docker buildx also takes before the command's name.
type earlyOptions struct {
	Builder string
	Debug   bool
}

// Listings is the folder that caches the file listings of layers; "" if there is none.
func (w *Env) Listings() string { return w.Cached("layers") }

// Cached returns a file or folder in the user's cache, which may be deleted at any time; "" if there is none.
func (w *Env) Cached(name string) string {
	if dir := w.CacheDir(); dir != "" {
		return filepath.Join(dir, "docker-multiarch", name)
	}
	return ""
}

// Logins returns the logins of the Docker config for the whole run.
func (w *Env) Logins() *logins.Logins {
	w.loginsOnce.Do(func() {
		w.loginsKept = logins.New(w.Config, func() io.Writer { return w.Err })
	})
	return w.loginsKept
}

// systemCerts is the folder of the Docker Engine with the certificates of registries (docs.docker.com, "Verify repository client with
// certificates"). Docker Desktop reads the same tree in the Docker config directory.
const systemCerts = "/etc/docker/certs.d"

// CertDirs returns the folders with the certificates of registries.
func CertDirs() []string { return []string{systemCerts, filepath.Join(config.Dir(), "certs.d")} }

// Package dockercli has what the Docker CLI's configuration, global flags and environment say: the Docker contexts and clients for their
// engines, the config file, the standard streams.
//
// It stands for the type DockerCli of docker/cli, which holds OpenTelemetry's exporters: 1.5 MiB of each process's memory.
package dockercli

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/connhelper"
	tlsfiles "github.com/docker/cli/cli/context"
	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/docker/cli/cli/debug"
	"github.com/docker/cli/cli/flags"
	"github.com/docker/cli/cli/streams"
	"github.com/docker/cli/opts"
	"github.com/moby/moby/client"
	"github.com/moby/term"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

// defaultContext is the Docker context that is made of flags and the environment.
const defaultContext = "default"

// contextVariable names the current context, unless a flag or DOCKER_HOST does.
const contextVariable = "DOCKER_CONTEXT"

// Dial makes a connection to an engine.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// CLI is the Docker CLI of one process. Its values are those of the user once Initialize has been called.
type CLI struct {
	In  *streams.In
	Out *streams.Out

	stderr  io.Writer
	options *flags.ClientOptions
	config  func() *configfile.ConfigFile
	through Dial // to the engine of the current context; nil for a direct connection
}

// New returns the CLI with the process's standard input and output. Complaints about the config file go to stderr.
func New(stderr io.Writer) *CLI {
	in, out, _ := term.StdStreams()
	c := &CLI{In: streams.NewIn(in), Out: streams.NewOut(out), stderr: stderr, options: flags.NewClientOptions()}
	c.config = c.readOnce()
	return c
}

// Initialize takes the global flags. through, if not nil, connects to the engine of the current context.
func (c *CLI) Initialize(options *flags.ClientOptions, through Dial) error {
	if options.Context != "" && len(options.Hosts) > 0 {
		return errors.New("conflicting options: cannot specify both --host and --context")
	}
	if len(options.Hosts) > 1 {
		return errors.New("specify only one -H")
	}
	flags.SetLogLevel(options.LogLevel)
	if options.ConfigDir != "" {
		config.SetDir(options.ConfigDir)
	}
	if options.Debug {
		debug.Enable()
	}
	c.options, c.through, c.config = options, through, c.readOnce()
	return nil
}

func (c *CLI) readOnce() func() *configfile.ConfigFile {
	return sync.OnceValue(func() *configfile.ConfigFile { return config.LoadDefaultConfigFile(c.stderr) })
}

// ConfigFile returns the config file. A broken one is reported, and has no values.
func (c *CLI) ConfigFile() *configfile.ConfigFile { return c.config() }

// Context returns the name of the current context. The order is that of the Docker CLI (docs.docker.com, "Docker contexts").
func (c *CLI) Context() string {
	switch {
	case c.options.Context != "":
		return c.options.Context
	case len(c.options.Hosts) > 0, os.Getenv(client.EnvOverrideHost) != "":
		return defaultContext
	}
	return cmp.Or(os.Getenv(contextVariable), c.ConfigFile().CurrentContext, defaultContext)
}

// Host returns the address of the engine of a context. An address is its own; "" is the current context.
func (c *CLI) Host(address string) (string, error) {
	found, err := c.endpoint(address)
	return found.Host, err
}

// Client returns a client for the engine of a context or at an address, with the TLS files and headers that the Docker CLI would use, and
// the engine's address; "" is the current context.
func (c *CLI) Client(address string) (client.APIClient, string, error) {
	found, err := c.endpoint(address)
	if err != nil {
		return nil, found.Host, err
	}
	api, err := c.client(address, found)
	if err != nil {
		return nil, found.Host, fmt.Errorf("the engine of %s cannot be used: %w", cmp.Or(address, c.Context()), err)
	}
	return api, found.Host, nil
}

// endpoint returns the engine's address. It has no TLS files yet, of which only a client has need.
func (c *CLI) endpoint(address string) (docker.EndpointMeta, error) {
	address = cmp.Or(address, c.Context())
	if cli.IsAddress(address) {
		return docker.EndpointMeta{Host: address, SkipTLSVerify: c.skipsVerification()}, nil
	}
	if address == defaultContext {
		host, err := opts.ParseHost(c.options.TLSOptions != nil, cmp.Or(cmp.Or(c.options.Hosts...), os.Getenv(client.EnvOverrideHost)))
		return docker.EndpointMeta{Host: host, SkipTLSVerify: c.skipsVerification()}, err
	}
	found, err := contexts().GetMetadata(address)
	if errdefs.IsNotFound(err) {
		return docker.EndpointMeta{}, &cli.Hinted{
			Err: fmt.Errorf("there is no Docker context %q", address), Hint: "docker context ls lists them, and docker context create makes one",
		}
	}
	var meta docker.EndpointMeta
	if err == nil {
		meta, err = docker.EndpointFromContext(found)
	}
	if err != nil {
		return meta, fmt.Errorf("the Docker context %q: %w", address, err)
	}
	return meta, nil
}

// contexts returns the store of the Docker contexts.
func contexts() *store.ContextStore {
	typed := store.EndpointTypeGetter(docker.DockerEndpoint, func() any { return &docker.EndpointMeta{} })
	return store.New(config.ContextStoreDir(), store.NewConfig(func() any { return &map[string]any{} }, typed))
}

func (c *CLI) skipsVerification() bool {
	return c.options.TLSOptions != nil && c.options.TLSOptions.InsecureSkipVerify
}

func (c *CLI) client(address string, meta docker.EndpointMeta) (client.APIClient, error) {
	if address == "" && c.through != nil {
		return client.New(client.WithDialContext(c.through))
	}
	options, err := c.connection(cmp.Or(address, c.Context()), meta)
	if err != nil {
		return nil, err
	}
	headers, err := c.headers()
	if err != nil {
		return nil, err
	}
	if len(headers) > 0 {
		options = append(options, client.WithHTTPHeaders(headers))
	}
	return client.New(options...)
}

// connection returns the options of a client that are about its connection.
func (c *CLI) connection(address string, meta docker.EndpointMeta) ([]client.Opt, error) {
	if strings.HasPrefix(meta.Host, "ssh://") {
		return overSSH(meta.Host)
	}
	files, err := c.tlsFiles(address)
	if err != nil {
		return nil, fmt.Errorf("its TLS files: %w", err)
	}
	endpoint := docker.Endpoint{EndpointMeta: meta, TLSData: files}
	return endpoint.ClientOpts()
}

// tlsFiles returns the TLS files of a context. Those of an address, and of the default context, are those of the global flags.
func (c *CLI) tlsFiles(address string) (*tlsfiles.TLSData, error) {
	switch {
	case address != defaultContext && !cli.IsAddress(address):
		return tlsfiles.LoadTLSData(contexts(), address, docker.DockerEndpoint)
	case c.options.TLSOptions == nil:
		return nil, nil
	}
	of := c.options.TLSOptions
	return tlsfiles.TLSDataFromFiles(of.CAFile, of.CertFile, of.KeyFile)
}

// overSSH connects as the Docker CLI does, but waits four seconds for a connection. The CLI waits thirty.
func overSSH(host string) ([]client.Opt, error) {
	helper, err := connhelper.GetConnectionHelperWithSSHOpts(host, []string{"-o", "ConnectTimeout=4"})
	if err != nil {
		return nil, err
	}
	return []client.Opt{
		client.WithHTTPClient(&http.Client{Transport: &http.Transport{DialContext: helper.Dialer}}),
		client.WithHost(helper.Host), client.WithDialContext(helper.Dialer), client.WithAPIVersionFromEnv(),
	}, nil
}

// headersVariable has headers for the engine's API in place of those of the config file: name=value, as fields of CSV (docs.docker.com,
// "docker": environment variables).
const headersVariable = "DOCKER_CUSTOM_HEADERS"

// headers returns the user's headers for the engine's API.
func (c *CLI) headers() (map[string]string, error) {
	given := os.Getenv(headersVariable)
	if given == "" {
		return c.ConfigFile().HTTPHeaders, nil
	}
	fields, err := csv.NewReader(strings.NewReader(given)).Read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", headersVariable, err)
	}
	all := map[string]string{}
	for _, field := range fields {
		name, value, ok := strings.Cut(field, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, fmt.Errorf("%s: %q is not of the form name=value", headersVariable, field)
		}
		all[http.CanonicalHeaderKey(name)] = value
	}
	return all, nil
}

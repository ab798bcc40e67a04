package connect

import (
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/connhelper"
	"github.com/docker/cli/cli/context/docker"
	"github.com/moby/moby/client"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// engines opens the engines of nodes, each once. The process ends with them open.
type engines struct {
	docker  *command.DockerCli
	first   func() *engine.Engine // that of the current context
	records func() string         // the folder of what is on them for a time

	mu     sync.Mutex
	opened map[string]*engine.Engine
}

// current opens the engine of the current context.
func (s *engines) current() *engine.Engine {
	api := s.docker.Client() // ends the process if the context cannot be used
	return s.engine(s.docker.DockerEndpoint().Host, api)
}

func (s *engines) engine(host string, api client.APIClient) *engine.Engine {
	e := engine.At(host, api)
	e.RecordLeftovers(s.records())
	return e
}

// at returns the engine of a Docker context, or at an address.
func (s *engines) at(address string) (*engine.Engine, error) {
	if address == "" || address == s.docker.CurrentContext() || address == s.docker.DockerEndpoint().Host {
		return s.first(), nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.opened[address]; ok {
		return e, nil
	}
	e, err := s.open(address)
	if err != nil {
		return nil, err
	}
	if s.opened == nil {
		s.opened = map[string]*engine.Engine{}
	}
	s.opened[address] = e
	return e, nil
}

func (s *engines) open(address string) (*engine.Engine, error) {
	ep, err := s.endpoint(address)
	if err != nil {
		return nil, err
	}
	opts, err := ep.ClientOpts()
	if strings.HasPrefix(ep.Host, "ssh://") {
		opts, err = sshOptions(ep.Host)
	}
	if err != nil {
		return nil, fmt.Errorf("the engine of %s cannot be used: %w", address, err)
	}
	api, err := client.New(opts...)
	if err != nil {
		return nil, fmt.Errorf("the engine of %s cannot be used: %w", address, err)
	}
	return s.engine(ep.Host, api), nil
}

// endpoint returns the endpoint of a context. An address gets the TLS files that the Docker CLI would use for it as its host.
func (s *engines) endpoint(address string) (docker.Endpoint, error) {
	contexts, name := s.docker.ContextStore(), address
	meta := docker.EndpointMeta{Host: address}
	if strings.Contains(address, "://") {
		name = command.DefaultContextName
	} else {
		found, err := contexts.GetMetadata(name)
		if errdefs.IsNotFound(err) {
			return docker.Endpoint{}, &cli.Hinted{
				Err: fmt.Errorf("there is no Docker context %q", name), Hint: "docker context ls lists them, and docker context create makes one",
			}
		}
		if err == nil {
			meta, err = docker.EndpointFromContext(found)
		}
		if err != nil {
			return docker.Endpoint{}, fmt.Errorf("context %q: %w", name, err)
		}
	}
	ep, err := docker.WithTLSData(contexts, name, meta)
	if err != nil {
		return ep, fmt.Errorf("the TLS files of Docker context %q: %w", name, err)
	}
	return ep, nil
}

// sshOptions are those of the Docker CLI, but with four seconds for a connection. The CLI's are thirty.
func sshOptions(host string) ([]client.Opt, error) {
	helper, err := connhelper.GetConnectionHelperWithSSHOpts(host, []string{"-o", "ConnectTimeout=4"})
	if err != nil {
		return nil, err
	}
	return []client.Opt{
		client.WithHTTPClient(&http.Client{Transport: &http.Transport{DialContext: helper.Dialer}}),
		client.WithHost(helper.Host), client.WithDialContext(helper.Dialer), client.WithAPIVersionFromEnv(),
	}, nil
}

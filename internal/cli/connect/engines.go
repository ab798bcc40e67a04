package connect

import (
	"cmp"
	"sync"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/dockercli"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// engines opens the engines of nodes, each once. The process ends with them open.
type engines struct {
	docker  *dockercli.CLI
	first   func() *engine.Engine // that of the current context
	records func() string         // the folder of what is on them for a time

	mu     sync.Mutex
	opened map[string]*engine.Engine
}

// current opens the engine of the current context. Each use of it fails if the context cannot be used.
func (s *engines) current() *engine.Engine {
	e, host, err := s.open("")
	if err != nil {
		return engine.Unusable(cmp.Or(host, s.docker.Context()), err)
	}
	return e
}

// at returns the engine of a Docker context, or at an address.
func (s *engines) at(address string) (*engine.Engine, error) {
	if address == "" || address == s.docker.Context() || address == hostOf(s.docker) {
		return s.first(), nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.opened[address]; ok {
		return e, nil
	}
	e, _, err := s.open(address)
	if err != nil {
		return nil, err
	}
	if s.opened == nil {
		s.opened = map[string]*engine.Engine{}
	}
	s.opened[address] = e
	return e, nil
}

// open returns an engine and its address.
func (s *engines) open(address string) (*engine.Engine, string, error) {
	api, host, err := s.docker.Client(address)
	if err != nil {
		return nil, host, err
	}
	e := engine.At(host, api)
	e.RecordLeftovers(s.records())
	return e, host, nil
}

// hostOf returns the address of the current context's engine; "" if it has none.
func hostOf(docker *dockercli.CLI) string {
	host, err := docker.Host("")
	if err != nil {
		return ""
	}
	return host
}

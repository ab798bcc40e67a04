package container

import (
	"context"
	"encoding/json"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cachedir"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// probes remembers what the kernel of this machine ran with its handlers. The kernel keeps the file of an emulator open from the time at
// which the handler is registered, so that with the same handlers it runs the same programs. Only a success is remembered.
type probes struct{ dir string } // "" remembers nothing

// probe finds out how the container's kernel runs programs of the platforms. The container is not asked if it is known: the engine takes some
// 50 ms to start a command there. already, if not nil, is a script that has begun there.
func (p probes) probe(ctx context.Context, t target, already *beside, ps ...platform.Platform) (emulation.Status, error) {
	handlers := t.handlers()
	if status, ok := p.recall(handlers, ps); ok {
		return status, nil
	}
	status, err := emulation.Probe(ctx, besideShell{Shell{t.eng, t.id}, already}, ps...)
	if err == nil && handlers == t.handlers() {
		p.put(handlers, ps, status)
	}
	return status, err
}

// handlers returns [handlersOf] the container, "" if it is not on this machine.
func (t target) handlers() string {
	if !t.local {
		return ""
	}
	return handlersOf(t.id, t.pid)
}

func (p probes) folder() cachedir.Folder {
	return cachedir.Folder{Dir: p.dir, Suffix: ".json", Max: 256 << 10, MaxFile: 32 << 10}
}

// probeName is the name of the probe of some platforms.
func probeName(handlers string, ps []platform.Platform) string {
	for _, a := range emulation.ArchsOf(ps...) {
		handlers += "\n" + a.Name
	}
	return digest.FromString(handlers).Encoded()
}

func (p probes) recall(handlers string, ps []platform.Platform) (status emulation.Status, ok bool) {
	if handlers == "" || json.Unmarshal(p.folder().Get(probeName(handlers, ps)), &status) != nil {
		return status, false
	}
	return status, status.Require(emulation.Emulated, ps...) == nil
}

func (p probes) put(handlers string, ps []platform.Platform, status emulation.Status) {
	if handlers == "" || status.HandlersUnknown != "" || status.Require(emulation.Emulated, ps...) != nil {
		return
	}
	if data, err := json.Marshal(status); err == nil {
		p.folder().Put(probeName(handlers, ps), data)
	}
}

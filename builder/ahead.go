package builder

import (
	"context"
	"slices"
	"sync"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Ahead is a probe that runs while the connection to BuildKit is still being
// made: the answer takes as long as a Dockerfile takes to be read, and it is the
// later of the two that a build waits for.
type Ahead struct {
	platforms []platform.Platform
	mu        sync.Mutex
	answer    chan probed // nil once it was taken
}

type probed struct {
	status emulation.Status
	err    error
}

// ProbeAhead begins to ask how the kernel behind a shell runs the platforms. It
// is nil if there are none.
func ProbeAhead(ctx context.Context, sh emulation.Shell, ps []platform.Platform) *Ahead {
	if len(ps) == 0 {
		return nil
	}
	a := &Ahead{platforms: ps, answer: make(chan probed, 1)}
	go func() {
		status, err := emulation.Probe(ctx, sh, ps...)
		a.answer <- probed{status, err}
	}()
	return a
}

// take gives the answer, once: a later question is asked because something has
// changed. ok is false if there is none for these platforms, or no good one: then
// the question is asked again, and fails with its own words if it must.
func (a *Ahead) take(ps []platform.Platform) (status emulation.Status, ok bool) {
	if a == nil {
		return status, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	other := func(p platform.Platform) bool { return !platform.Contains(a.platforms, p) }
	if a.answer == nil || len(ps) == 0 || slices.ContainsFunc(ps, other) {
		return status, false
	}
	got := <-a.answer
	a.answer = nil
	return got.status, got.err == nil
}

package main

import (
	"context"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// aheadProbe asks the builder's container how the kernel runs the platforms, while the connection to its BuildKit is still being
// made: the answer takes as long as a Dockerfile takes to be read, and it is the later of the two that a build waits for.
type aheadProbe struct {
	eng       *engine.Engine
	platforms []platform.Platform // none: nothing is asked ahead
	answer    chan probed         // of the container that was chosen last
}

type probed struct {
	status emulation.Status
	err    error
}

func (a *aheadProbe) start(ctx context.Context, container string) {
	if len(a.platforms) == 0 {
		return
	}
	answer := make(chan probed, 1)
	go func() {
		status, err := emulation.Probe(ctx, execShell{a.eng, container}, a.platforms...)
		answer <- probed{status, err}
	}()
	a.answer = answer
}

// take gives the answer, once: a later question is asked because something has changed. ok is false if there is none for these
// platforms, or no good one: then the question is asked again, and fails with its own words if it must.
func (a *aheadProbe) take(ps []platform.Platform) (status emulation.Status, ok bool) {
	if a.answer == nil || !containsAll(a.platforms, ps) {
		return status, false
	}
	got := <-a.answer
	a.answer = nil
	return got.status, got.err == nil
}

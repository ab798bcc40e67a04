package builder

import (
	"context"
	"slices"
	"sync"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Ahead is a probe that runs before its answer is needed. It takes about as long as reading a
// Dockerfile. [Open] begins one for every node that has none yet. A nil Ahead has no answer.
type Ahead struct {
	platforms []platform.Platform
	cancel    context.CancelFunc
	done      chan struct{}
	status    emulation.Status
	err       error

	mu    sync.Mutex
	taken bool
}

// ProbeAhead begins to probe how a node runs the platforms, if one of them has another architecture
// than native, the node's own platform. A driver that begins before it knows the node's platform passes
// none; then a probe is made if the platforms have several architectures. Without anything to probe,
// ProbeAhead returns nil.
func ProbeAhead(
	ctx context.Context, ask func(context.Context, ...platform.Platform) (emulation.Status, error), ps []platform.Platform, native ...platform.Platform,
) *Ahead {
	all := slices.Concat(native[:min(1, len(native))], ps)
	if !slices.ContainsFunc(all, func(p platform.Platform) bool { return p.Architecture != all[0].Architecture }) {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	a := &Ahead{platforms: ps, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(a.done)
		a.status, a.err = ask(ctx, ps...)
	}()
	return a
}

// Stop ends the probe unless a caller has waited for its end.
func (a *Ahead) Stop() {
	if a != nil {
		a.cancel()
		<-a.done
	}
}

// take returns the answer, once: a later question is asked because something has changed. ok is false
// if there is no successful answer for these platforms; then the caller probes again, and reports the
// error of that probe.
func (a *Ahead) take(ps []platform.Platform) (status emulation.Status, ok bool) {
	if a == nil {
		return status, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	other := func(p platform.Platform) bool { return !platform.Contains(a.platforms, p) }
	if a.taken || len(ps) == 0 || slices.ContainsFunc(ps, other) {
		return status, false
	}
	<-a.done
	a.taken = true
	return a.status, a.err == nil
}

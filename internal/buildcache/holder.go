package buildcache

import (
	"context"
	"sync"

	"github.com/moby/buildkit/client/llb"
	spb "github.com/moby/buildkit/sourcepolicy/pb"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Holder keeps the steps of a build's platforms in BuildKit until the build is over, and imports the caches. It does so by a solve of its
// own and, when a platform is retried, by another one that replaces it: BuildKit remembers that a step has failed for as long as any solve
// holds it (solver/jobs.go, execErr), so the first solve must release the step, and can only release all of them. The new solve holds the
// other platforms' steps before it does.
//
// Platforms are named by an index. A nil Holder holds nothing.
type Holder struct {
	node    Node
	imports *imports
	started chan *holding // solves that must be run
	running sync.WaitGroup

	mu   sync.RWMutex // locked for writing while one solve replaces another
	now  *holding
	held []Steps // each platform's request; only the platform changes its own
}

// Steps are those of one platform: the definition that is solved, and its policy.
type Steps struct {
	Policy     *spb.Policy
	Definition *llb.Definition // nil: the steps are not known
	Graph      graph.Graph     // of Definition
}

// OpenHolder returns a Holder for a node's build, until ctx ends or [Holder.Close] is called. It returns nil if there is no cache to
// import, or to export, including into the image, unless wanted is set. It notes a local cache that does not exist.
func OpenHolder(ctx context.Context, n Node, c Cache, ps []platform.Platform, wanted bool) *Holder {
	from := newImports(c.From, ps, n.Note)
	if len(from.entries)+len(c.To) == 0 && !wanted {
		return nil
	}
	h := &Holder{node: n, imports: from, started: make(chan *holding), now: newHolding(), held: make([]Steps, len(ps))}
	h.running.Go(func() {
		for s := range h.started {
			h.running.Go(func() { s.run(ctx, h.node, h.imports) })
		}
	})
	if len(from.entries) > 0 {
		h.begin(h.now)
	}
	return h
}

// Hold begins to hold a platform's steps.
func (h *Holder) Hold(ctx context.Context, index int, s Steps) error {
	if h == nil {
		return nil
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	h.held[index] = s
	return h.hold(ctx, h.now, s)
}

func (h *Holder) hold(ctx context.Context, by *holding, s Steps) error {
	if s.Definition == nil {
		return nil
	}
	h.begin(by)
	return by.hold(ctx, s)
}

func (h *Holder) begin(by *holding) { by.begin.Do(func() { h.started <- by }) }

// Drop marks that a platform has failed: its steps need not be held any more.
func (h *Holder) Drop(index int) {
	if h == nil {
		return
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	h.held[index] = Steps{}
}

// Renew releases the dropped steps.
func (h *Holder) Renew(ctx context.Context) error {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.now
	defer before.close()
	h.now = newHolding()
	for _, s := range h.held {
		if err := h.hold(ctx, h.now, s); err != nil {
			return err
		}
	}
	return nil
}

// Close releases everything, and waits until BuildKit has done so.
func (h *Holder) Close() {
	if h == nil {
		return
	}
	h.now.close()
	close(h.started)
	h.running.Wait()
}

package buildcache

import (
	"context"
	"errors"
	"sync"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	spb "github.com/moby/buildkit/sourcepolicy/pb"
	"github.com/opencontainers/go-digest"
)

// holding is one more solve, which holds the steps of all platforms from before they run until the build is over. It is there where
// caches are, for two reasons that lie in how BuildKit finds a step in a cache.
//
// A step has several keys, and those of the files that a COPY takes from the context are worked out when it is made and forgotten
// with the last job that holds it. A job that comes later, for a cache's export, finds the step by the session of the context, and
// then has no key that another build could find it by: solver/exporter.go leaves such a step out, and all that are made from it.
//
// And a step of several platforms looks into the cache that was imported by the first solve to hold it, while the steps made from
// it look into those of their own solves, where they do not find it again by all of its keys (solver/cachemanager.go, getIDFromDeps).
// So it is this solve that imports, once, and that is the first to hold every step.
type holding struct {
	begin  sync.Once
	policy *spb.Policy // that of the first steps; set when begun
	asks   chan ask
	over   chan struct{} // closed when nothing need be held any more
	ended  chan struct{} // closed when the solve has ended, for whatever reason
	err    error         // why, once it has ended

	mu     sync.Mutex
	loaded map[digest.Digest]bool // the steps that BuildKit holds for this solve
	named  map[string]bool
	change chan struct{} // closed, and made anew, with each change of the above
}

// ask is a question to the solve to hold steps.
type ask struct {
	Steps
	evaluated chan struct{} // closed when that was successful, or not
}

func newHolding() *holding {
	return &holding{
		asks: make(chan ask), over: make(chan struct{}), ended: make(chan struct{}),
		loaded: map[digest.Digest]bool{}, named: map[string]bool{}, change: make(chan struct{}),
	}
}

// hold waits until BuildKit holds the steps, which it starts with in doing so, and shares with the platform's own solve.
func (h *holding) hold(ctx context.Context, s Steps) error {
	a := ask{s, make(chan struct{})}
	select {
	case h.asks <- a:
	case <-h.ended:
		return h.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for {
		h.mu.Lock()
		loaded, change := h.holds(s), h.change
		h.mu.Unlock()
		if loaded {
			return nil
		}
		select {
		case <-change:
		case <-a.evaluated:
			return nil
		case <-h.ended:
			return h.err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// holds reports whether BuildKit has taken the last step, which it does after all others and before it lets another solve in
// (solver/jobs.go, load). A policy makes other steps of those that it is about.
func (h *holding) holds(s Steps) bool {
	last := s.Graph.Steps[len(s.Graph.Steps)-1]
	return h.loaded[last.Digest] || s.Policy != nil && h.named[last.Name]
}

// close lets go of everything and waits until BuildKit has done so.
func (h *holding) close() {
	close(h.over)
	h.begin.Do(func() { close(h.ended) }) // it was never needed
	<-h.ended
}

// run is the solve.
func (h *holding) run(ctx context.Context, n Node, from *imports) {
	defer close(h.ended)
	opt, err := n.Options(h.policy)
	if err != nil {
		h.err = err
		return
	}
	from.into(&opt)
	importing := newExcerpt(n.Show, true, from.shownName)
	serve := func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) { return h.serve(ctx, gw, from) }
	h.err = n.Solve(ctx, opt, serve, func(msg *client.SolveStatus) {
		importing.see(msg)
		from.see(msg)
		h.see(msg)
	})
	if h.err == nil {
		h.err = errors.New("the solve that keeps the results for the cache has ended")
	}
}

func (h *holding) see(msg *client.SolveStatus) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range msg.Vertexes {
		h.loaded[v.Digest], h.named[v.Name] = true, true
	}
	close(h.change)
	h.change = make(chan struct{})
}

func (h *holding) serve(ctx context.Context, gw gateway.Client, from *imports) (*gateway.Result, error) {
	ctx, stop := context.WithCancel(ctx)
	var asked sync.WaitGroup
	defer asked.Wait()
	defer stop()
	for {
		select {
		case a := <-h.asks:
			asked.Go(func() {
				defer close(a.evaluated)
				_, _ = evaluated(ctx, gw, from.request(a.Definition.ToPB())) // what fails fails in the platform's own solve, too
			})
		case <-h.over:
			return gateway.NewResult(), nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

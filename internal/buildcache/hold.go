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

// holding is one additional solve, which holds the steps of all platforms from before they run until the build is over. It exists only when
// caches are used, because of two properties of BuildKit's cache lookup.
//
// A step has several keys. Those of the files that a COPY takes from the context are computed when the step runs, and dropped with the last
// job that holds the step. A later job, for a cache's export, finds the step by the session of the context, and then has no key by which
// another build could find it: solver/exporter.go omits such a step, and all steps that depend on it.
//
// A step of several platforms is looked up in the cache that was imported by the first solve that holds it. The steps that depend on it are
// looked up in the caches of their own solves, which do not find it again by all of its keys (solver/cachemanager.go, getIDFromDeps). So
// this solve imports, once, and is the first to hold every step.
type holding struct {
	begin sync.Once
	asks  chan ask
	over  chan struct{} // closed when nothing need be held any more
	ended chan struct{} // closed when the solve has ended, for any reason
	err   error         // the error of the solve, once it has ended

	mu     sync.Mutex
	loaded map[digest.Digest]bool // the steps that BuildKit holds for this solve
	named  map[string]bool
	change chan struct{} // closed, and replaced by a new one, at each change of the above
}

// ask is a request to the solve to hold steps.
type ask struct {
	Steps
	evaluated chan struct{} // closed when the evaluation has succeeded or failed
}

func newHolding() *holding {
	return &holding{
		asks: make(chan ask), over: make(chan struct{}), ended: make(chan struct{}),
		loaded: map[digest.Digest]bool{}, named: map[string]bool{}, change: make(chan struct{}),
	}
}

// hold waits until BuildKit holds the steps. BuildKit begins to run them, and shares them with the platform's own solve.
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

// holds reports whether BuildKit has loaded the last step, which it does after all others and before it accepts another solve
// (solver/jobs.go, load). A policy changes the steps that it applies to.
func (h *holding) holds(s Steps) bool {
	last := s.Graph.Steps[len(s.Graph.Steps)-1]
	return h.loaded[last.Digest] || s.Policy != nil && h.named[last.Name]
}

// close releases everything and waits until BuildKit has done so.
func (h *holding) close() {
	close(h.over)
	h.begin.Do(func() { close(h.ended) }) // the solve was not needed
	<-h.ended
}

// run runs the solve.
func (h *holding) run(ctx context.Context, n Node, from *imports) {
	defer close(h.ended)
	opt, err := n.Options(nil)
	if err != nil {
		h.err = err
		return
	}
	from.into(&opt)
	importing := newExcerpt(n.Show, true, from.shownName)
	serve := func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) { return h.serve(ctx, gw, from) }
	_, h.err = n.Solve(ctx, opt, serve, func(msg *client.SolveStatus) {
		importing.add(msg)
		from.warnFailed(msg)
		h.add(msg)
	})
	if h.err == nil {
		h.err = errors.New("the solve that keeps the results for the cache has ended")
	}
}

func (h *holding) add(msg *client.SolveStatus) {
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
	if len(from.entries) > 0 {
		asked.Go(func() { from.begin(ctx, gw) })
	}
	for {
		select {
		case a := <-h.asks:
			asked.Go(func() {
				defer close(a.evaluated)
				req := from.request(a.Definition.ToPB())
				if a.Policy != nil {
					req.SourcePolicies = []*spb.Policy{a.Policy}
				}
				evaluate(ctx, gw, req) // an error also occurs in the platform's own solve
			})
		case <-h.over:
			return gateway.NewResult(), nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

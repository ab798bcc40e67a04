package solve

import (
	"context"
	"errors"
	"sync"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"
)

// keeper is one more solve, which holds the steps of all platforms from before they run until the build is over. It is there where
// caches are, for two reasons that lie in how BuildKit finds a step in a cache.
//
// A step has several keys, and those of the files that a COPY takes from the context are worked out when it is made and forgotten
// with the last job that holds it. A job that comes later, for a cache's export, finds the step by the session of the context, and
// then has no key that another build could find it by: solver/exporter.go leaves such a step out, and all that are made from it.
//
// And a step of several platforms looks into the cache that was imported by the first solve to hold it, while the steps made from
// it look into those of their own solves, where they do not find it again by all of its keys (solver/cachemanager.go, getIDFromDeps).
// So it is the keeper that imports, once, and that is the first to hold every step.
type keeper struct {
	ctx   context.Context // the build's
	run   *nodeRun
	asks  chan keepAsk
	begin sync.Once
	over  chan struct{} // closed when nothing need be held any more
	ended chan struct{} // closed when the solve has ended, for whatever reason
	err   error         // why, once it has ended

	mu     sync.Mutex
	loaded map[digest.Digest]bool // the steps that BuildKit holds for this solve
	named  map[string]bool
	change chan struct{} // closed, and made anew, with each change of the above
}

type keepAsk struct {
	reading
	evaluated chan struct{} // closed when that was successful, or not
}

func newKeeper(ctx context.Context, r *nodeRun) *keeper {
	return &keeper{
		ctx: ctx, run: r, asks: make(chan keepAsk), over: make(chan struct{}), ended: make(chan struct{}),
		loaded: map[digest.Digest]bool{}, named: map[string]bool{}, change: make(chan struct{}),
	}
}

// hold begins to hold a platform's steps. BuildKit starts with them in doing so, and shares them with the platform's own solve.
func (k *keeper) hold(ctx context.Context, p pins, got reading) error {
	if got.def == nil {
		return nil // nobody knows what there is to hold
	}
	k.begin.Do(func() { go k.solve(p) })
	ask := keepAsk{got, make(chan struct{})}
	select {
	case k.asks <- ask:
	case <-k.ended:
		return k.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for {
		k.mu.Lock()
		loaded, change := k.holds(p, got), k.change
		k.mu.Unlock()
		if loaded {
			return nil
		}
		select {
		case <-change:
		case <-ask.evaluated:
			return nil
		case <-k.ended:
			return k.err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// holds tells whether BuildKit has taken the last step, which it does after all others and before it lets another solve in
// (solver/jobs.go, load). Pins make other steps of those that they are about.
func (k *keeper) holds(p pins, got reading) bool {
	last := got.graph.Steps[len(got.graph.Steps)-1]
	return k.loaded[last.Digest] || p.policy != nil && k.named[last.Name]
}

// close lets go of everything and waits until BuildKit has done so.
func (k *keeper) close() {
	close(k.over)
	k.begin.Do(func() { close(k.ended) }) // it was never needed
	<-k.ended
}

func (k *keeper) solve(p pins) {
	defer close(k.ended)
	opt, err := k.run.quiet(p)
	if err != nil {
		k.err = err
		return
	}
	k.run.cache.importInto(&opt)
	imports := newExcerpt(k.run.env.Progress, true, k.run.cache.importName)
	_, k.err = runSolve(k.ctx, k.run.node.Solver, opt, k.serve, func(msg *client.SolveStatus) {
		imports.see(msg)
		k.run.cache.see(msg)
		k.see(msg)
	})
	if k.err == nil {
		k.err = errors.New("the solve that keeps the results for the cache has ended")
	}
}

func (k *keeper) see(msg *client.SolveStatus) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, v := range msg.Vertexes {
		k.loaded[v.Digest], k.named[v.Name] = true, true
	}
	close(k.change)
	k.change = make(chan struct{})
}

func (k *keeper) serve(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
	ctx, stop := context.WithCancel(ctx)
	var asked sync.WaitGroup
	defer asked.Wait()
	defer stop()
	for {
		select {
		case ask := <-k.asks:
			asked.Go(func() {
				defer close(ask.evaluated)
				_, _ = evaluated(ctx, gw, k.run.cache.request(ask.def.ToPB())) // what fails fails in the platform's own solve, too
			})
		case <-k.over:
			return gateway.NewResult(), nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func evaluated(ctx context.Context, gw gateway.Client, req gateway.SolveRequest) (gateway.Reference, error) {
	res, err := gw.Solve(ctx, req)
	if err != nil {
		return nil, err
	}
	ref, err := res.SingleRef()
	if err != nil || ref == nil {
		return nil, err
	}
	return ref, ref.Evaluate(ctx)
}

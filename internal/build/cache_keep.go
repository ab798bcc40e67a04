package build

import (
	"context"
	"errors"
	"sync"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
)

// keeper is one more solve, which holds what the platforms' solves have made until the caches are exported. It runs nothing.
//
// BuildKit knows a step by several keys. Those of the files that a COPY takes from the context are worked out when the step is made,
// and forgotten with the last job that holds it. A job that comes later and names the same session finds the step by the session, and
// then has no key to export that another build could find it by (solver/exporter.go leaves such a step out, and all that are
// made from it). Asking for the context again would give the keys, but of the files as they are by then.
type keeper struct {
	solve *solve // any platform's
	asks  chan keepAsk
	begin sync.Once
	over  chan struct{} // closed when nothing need be held any more
	ended chan struct{} // closed when the solve has ended, for whatever reason
	err   error         // why, once it has ended
}

type keepAsk struct {
	def   *pb.Definition
	reply chan error
}

func newKeeper(s *solve) *keeper {
	return &keeper{solve: s, asks: make(chan keepAsk), over: make(chan struct{}), ended: make(chan struct{})}
}

// hold takes what a platform's solve has made, while that solve still has it.
func (k *keeper) hold(ctx context.Context, p pins, def *pb.Definition) error {
	if def == nil {
		return nil
	}
	k.begin.Do(func() { go k.run(context.WithoutCancel(ctx), p) })
	ask := keepAsk{def, make(chan error, 1)}
	select {
	case k.asks <- ask:
	case <-k.ended:
		return k.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-ask.reply:
		return err
	case <-k.ended:
		return k.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// close lets go of everything and waits until BuildKit has done so.
func (k *keeper) close() {
	close(k.over)
	k.begin.Do(func() { close(k.ended) }) // it was never needed
	<-k.ended
}

func (k *keeper) run(ctx context.Context, p pins) {
	defer close(k.ended)
	opt, err := k.solve.quiet(p)
	if err != nil {
		k.err = err
		return
	}
	_, k.err = k.solve.env.Node.Solver.Build(ctx, opt, "docker-multiarch", k.serve, ignored())
	if k.err == nil {
		k.err = errors.New("the solve that keeps the results for the cache has ended")
	}
}

func (k *keeper) serve(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
	var asked sync.WaitGroup
	defer asked.Wait()
	for {
		select {
		case ask := <-k.asks:
			asked.Go(func() {
				_, err := evaluated(ctx, gw, k.solve.cache.request(ask.def))
				ask.reply <- err
			})
		case <-k.over:
			return gateway.NewResult(), nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// evaluated solves a definition whose steps have been run.
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

// quiet are the options of a solve that exports no image and runs nothing.
func (s *solve) quiet(p pins) (client.SolveOpt, error) {
	attach, err := s.req.attachables(s.env.Auth)
	if err != nil {
		return client.SolveOpt{}, err
	}
	opt := s.opt(attach)
	opt.FrontendAttrs = map[string]string{} // neither attestations nor a frontend
	opt.Internal, opt.Exports, opt.CacheImports, opt.CacheExports = true, nil, nil, nil
	opt.SourcePolicy = p.under(s.req.Policy)
	return opt, nil
}

// ignored is the status of a solve that has nothing to show.
func ignored() chan *client.SolveStatus {
	status := make(chan *client.SolveStatus)
	go func() {
		for range status { // all of it has been seen
		}
	}()
	return status
}

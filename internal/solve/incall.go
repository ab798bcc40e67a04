package solve

// What a solve does inside its gateway call.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
)

// frontend runs inside the solve's gateway call: read, wait for all, go on with the same result.
func (s *solve) frontend(ctx context.Context, gw gateway.Client, tell func(report), left func()) (*gateway.Result, error) {
	s.reach.start(ctx, gw)
	got, err := s.read(ctx, gw)
	if err != nil {
		return nil, s.unread(ctx, gw, err, tell)
	}
	if got.opaque != nil {
		s.cond.opaque.Do(func() {
			s.env.Progress.Note(fmt.Sprintf("warning: what the frontend makes of the Dockerfile cannot be read, so nothing is known of its steps: %v", got.opaque))
		})
	}
	tell(report{index: s.index, graph: got.graph, base: got.base.Platform, def: got.def, gw: gw})
	cleared, err := s.cond.await(ctx, s.index)
	if err != nil {
		s.refused = err
		return nil, err
	}
	s.passed = &cleared
	again := cleared.isolate && !s.isolated
	s.isolated = s.isolated || again
	if cleared.reread[s.index] {
		s.again = &cleared
		return nil, errAgain
	}
	if again {
		if got, err = s.read(ctx, gw); err != nil {
			return nil, err
		}
	}
	return s.finish(ctx, gw, cleared, got, left)
}

// unread tells why there is no graph. If that is what a base image lacks, the call goes on until the way is cleared: by it the builder
// is asked what the image has instead.
func (s *solve) unread(ctx context.Context, gw gateway.Client, err error, tell func(report)) error {
	if _, lacks := lackOf(err); !lacks {
		return err // it is told when it is not tried again
	}
	tell(report{index: s.index, err: err, gw: gw})
	_, refused := s.cond.await(ctx, s.index)
	if _, ok := errors.AsType[*BaseError](refused); ok {
		s.refused = refused // the same with what the image has
	}
	return err
}

// errAgain ends a solve whose Dockerfile must be read under pins, which only another solve can have. Nothing has been built.
var errAgain = errors.New("to be read again")

// underPins is the frontend of the solve that follows.
func (s *solve) underPins(ctx context.Context, gw gateway.Client, left func()) (*gateway.Result, error) {
	got, err := s.read(ctx, gw)
	if err != nil {
		return nil, err
	}
	return s.finish(ctx, gw, *s.again, got, left)
}

func (s *solve) read(ctx context.Context, gw gateway.Client) (reading, error) {
	attrs := s.req.attrs(s.platform, s.context)
	if s.isolated {
		isolate(attrs, s.platform)
	}
	got, err := s.env.Node.read(ctx, gw, frontend(attrs), attrs)
	s.got = got
	if err == nil && s.passed != nil { // what is read again did not stand at the barrier
		for _, held := range s.env.Node.hostSources(s.req.Source, got.graph) {
			return got, held.err
		}
	}
	return got, err
}

func (s *solve) finish(ctx context.Context, gw gateway.Client, cleared clearance, got reading, left func()) (*gateway.Result, error) {
	got, err := s.across(ctx, gw, cleared, got)
	if err != nil {
		return nil, err
	}
	s.natives.begins(s.index, got.graph)
	res := got.result
	// Without an export BuildKit need not run anything; and what was moved is looked at before it is exported.
	if len(s.moved.Tips) > 0 || cleared.limits.bound() || cleared.holding || s.keeper != nil || !s.req.MakesImages() && len(s.req.Outputs.Files) == 0 {
		return res, s.work(ctx, gw, cleared, res, left)
	}
	return res, nil
}

// work runs the steps in the solve's turn. Without a bound there is no need to: the export runs them.
//
// A holding job stays until all have worked. BuildKit shares the result of a step between the jobs that hold it, so that a
// stage for the node's own platform runs once for all platforms even under --no-cache and when the jobs work one by one.
func (s *solve) work(ctx context.Context, gw gateway.Client, cleared clearance, res *gateway.Result, left func()) error {
	ref, err := res.SingleRef()
	if err != nil || ref == nil {
		return err
	}
	leave, err := cleared.limits.enter(ctx, s.way().Mode.Emulated())
	if err != nil {
		return err
	}
	s.started = time.Now()
	if s.keeper != nil {
		err = s.keeper.hold(ctx, s.index, cleared.pins, s.got)
	}
	if err == nil {
		err = ref.Evaluate(ctx)
	}
	if err == nil {
		err = s.premises(ctx, gw)
	}
	leave()
	if err != nil {
		return err // it has not left for good: it may be tried again
	}
	if left(); cleared.holding {
		err = wait(ctx, &s.cond.worked)
	}
	return err
}

func wait(ctx context.Context, wg *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

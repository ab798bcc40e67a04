package build

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/session"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// solved is what one platform's solve made.
type solved struct {
	child    child
	examined examined
	tests    []smoke.Outcome
	seconds  float64
	retries  int
	err      error

	symptoms symptoms
	graph    graph.Graph // as it was solved
	clock    clock
	def      *llb.Definition // what it solved; nil if there was nothing to do
	cross    Crossing
	job      *Job // how it was made, if not as planned
}

// solve is one platform's way through BuildKit.
type solve struct {
	index    int
	platform platform.Platform
	req      Request
	env      Env
	cond     *conductor
	reach    *reach
	files    *stagedFiles
	examiner *examiner
	cache    *caching
	keeper   *keepers // nil if there are no caches
	context  string   // ID of the session that serves the context
	started  time.Time
	asks     bool // something else than an image
	recorded bool // see recorded
	bench    *smoke.Bench
	isolated bool // has cache mounts of its own
	clock    clock
	witness  *witness // of the solve under way
	got      reading
	passed   *clearance  // set when the barrier has been passed
	refused  error       // why it may not be
	again    *clearance  // set when the solve must be made again under the clearance's pins
	stays    graph.Graph // as the frontend wrote it, before steps were moved
	moved    cross.Moved // what of it runs on the node's own platform
	back     string      // why nothing is moved any more; "" if it may be
	job      *Job        // how the platform is made, if not as planned
}

// recorded is the one of the targets whose solve BuildKit shall know as a build. It writes every build into its history, to disk
// and before it answers, which is up to half the time of a build from cache (make bench), so one record must do. It is also what
// BuildKit's list of running builds has, so it is the platform that likely takes longest: one that is not the node's own.
func recorded(node Node, targets []platform.Platform) int {
	return max(0, slices.IndexFunc(targets, func(t platform.Platform) bool { return node.foreign([]platform.Platform{t}) }))
}

// run builds and exports the platform. It never returns before it has reported to the conductor and left it.
func (s *solve) run(ctx context.Context) solved {
	var reported, worked sync.Once
	tell := func(r report) { reported.Do(func() { s.cond.report <- r }) }
	left := func() { worked.Do(s.cond.worked.Done) }
	defer left()
	r := s.made(ctx, tell, left)
	if why := s.astray(r.err); why != "" && ctx.Err() == nil && s.files.again(s.index) && s.back == "" {
		r = s.anew(ctx, r, why, tell, left)
	}
	r.graph, r.clock, r.cross, r.job = s.got.graph, s.clock, s.crossed(), s.job
	if r.err == nil {
		r.tests, r.err = s.test(ctx, r.child)
	}
	if r.err != nil && !s.req.optional(s.platform) {
		s.files.failed()
	}
	return r
}

// made is the platform's image, examined.
func (s *solve) made(ctx context.Context, tell func(report), left func()) solved {
	r := s.tries(ctx, tell, left)
	tell(report{index: s.index, err: r.err})
	if r.err == nil {
		r.examined, r.err = s.examiner.examine(ctx, s, r.child)
	}
	return r
}

// build is one solve. Its pins hold for all that the frontend looks up and for all that the steps fetch: BuildKit takes them from
// the solve, and leaves aside those of a gateway request to a frontend (solver/llbsolver/bridge.go).
func (s *solve) build(ctx context.Context, p pins, documents capture, fn gateway.BuildFunc) (*client.SolveResponse, symptoms, error) {
	attach, err := s.req.attachables(s.env.Auth)
	if err != nil {
		return nil, symptoms{}, err
	}
	ctx, over := context.WithCancel(ctx)
	defer over() // an export that waits for its turn is none any more
	opt := s.opt(attach)
	if !s.asks {
		opt.Exports = s.exports(ctx, documents)
		s.cache.exportInto(&opt)
	}
	opt.SourcePolicy = p.under(s.req.Policy)
	status := make(chan *client.SolveStatus)
	drained := make(chan struct{})
	var seen symptoms
	s.witness = newWitness()
	go func() {
		defer close(drained)
		var own questions
		for msg := range status {
			own.remove(msg)
			seen.see(msg)
			s.clock.see(msg)
			s.witness.see(msg)
			s.env.Progress.Status(s.platform, msg)
		}
		s.env.Progress.Status(s.platform, nil)
	}()
	resp, err := s.env.Node.Solver.Build(ctx, opt, "docker-multiarch", fn, status)
	<-drained
	return resp, seen, err
}

// opt is what BuildKit is asked besides the frontend's own questions.
func (s *solve) opt(attach []session.Attachable) client.SolveOpt {
	opt := client.SolveOpt{
		// BuildKit compares what comes out with what was asked for here.
		FrontendAttrs:       s.req.attrs(s.platform, s.context),
		Session:             attach,
		Internal:            !s.recorded,
		OCIStores:           s.req.Source.Stores,
		AllowedEntitlements: s.req.entitlements(),
	}
	return opt
}

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
	got, err := read(ctx, gw, frontend(attrs), attrs)
	s.got = got
	return got, err
}

func (s *solve) finish(ctx context.Context, gw gateway.Client, cleared clearance, got reading, left func()) (*gateway.Result, error) {
	got, err := s.across(ctx, gw, cleared, got)
	if err != nil {
		return nil, err
	}
	res := got.result
	// Without an export BuildKit need not run anything; and what was moved is looked at before it is exported.
	if len(s.moved.Tips) > 0 || cleared.limits.bound() || cleared.holding || s.keeper != nil || !s.req.MakesImages() && len(s.files.outputs) == 0 {
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

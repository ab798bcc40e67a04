package solve

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/session"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// solved is what one platform's solve made.
type solved struct {
	child    index.Child
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
	job      *plan.Job // how it was made, if not as planned
}

// solve is one platform's way through BuildKit.
type solve struct {
	index    int
	platform platform.Platform
	req      Request
	env      Env
	cond     *conductor
	reach    *reach
	files    *sink.StagedFiles
	examiner *examiner
	cache    *caching
	keeper   *keepers // nil if there are no caches
	context  string   // ID of the session that serves the context
	started  time.Time
	asks     bool // something else than an image
	recorded bool // see recorded
	bench    *smoke.Bench
	natives  *natives
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
	job      *plan.Job   // how the platform is made, if not as planned
}

// recorded is the one of the targets whose solve BuildKit shall know as a build. It writes every build into its history, to disk
// and before it answers, which is up to half the time of a build from cache (make bench), so one record must do. It is also what
// BuildKit's list of running builds has, so it is the platform that likely takes longest: one that is not the node's own.
func recorded(node Node, targets []platform.Platform) int {
	return max(0, slices.IndexFunc(targets, func(t platform.Platform) bool { return node.Foreign(t) }))
}

// run builds and exports the platform. It never returns before it has reported to the conductor and left it.
func (s *solve) run(ctx context.Context) solved {
	var reported, worked sync.Once
	tell := func(r report) { reported.Do(func() { s.cond.report <- r }) }
	left := func() { worked.Do(s.cond.worked.Done) }
	defer left()
	defer s.natives.ends(s.index)
	r := s.made(ctx, tell, left)
	if wrong := s.astray(ctx, r.err); wrong.why != "" && ctx.Err() == nil && s.files.Again(s.index) {
		r = s.anew(ctx, r, wrong, tell, left)
	}
	r.graph, r.clock, r.cross, r.job = s.got.graph, s.clock, s.crossed(), s.job
	if r.err == nil {
		r.tests, r.err = s.test(ctx, r.child)
	}
	if r.err != nil && !s.req.optional(s.platform) {
		s.files.Fail()
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
func (s *solve) build(ctx context.Context, p pins, documents *index.Documents, fn gateway.BuildFunc) (*client.SolveResponse, symptoms, error) {
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
			s.natives.see(s.index, msg)
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

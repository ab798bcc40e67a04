package solve

import (
	"context"
	"sync"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"golang.org/x/sync/semaphore"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// conductor lets all solves read their graphs, clears the way once for all of them, and then lets them work, at most so many at a
// time. Solves are named by their index in the plan.
type conductor struct {
	n      int
	report chan report
	// cleared is closed when clearance is set.
	cleared   chan struct{}
	clearance clearance
	opaque    sync.Once // said that a graph cannot be read
	// worked is done once by each solve when its steps have run, or will not.
	worked sync.WaitGroup
}

// report is what a solve says at the barrier: its graph, or why there will be none. gw is nil if it has ended.
type report struct {
	index int
	graph graph.Graph
	def   *llb.Definition   // what graph was read from
	base  platform.Platform // in the configuration of the image that the result is made on; zero if there is none, or it says nothing
	err   error
	gw    gateway.Client
}

// clearance is what all solves are told at the barrier.
type clearance struct {
	err      error   // no solve may go on
	errs     []error // by index: why one may not while the others do; nil if all may
	pins     pins
	reread   []bool // by index: the graph was not read under the pins
	plan     plan.Plan
	crossing *crossing                                              // nil if nothing can be moved
	emulate  func(ctx context.Context, index int) (plan.Job, error) // makes the node run a platform that was not to need it
	limits   limits
	isolate  bool // each platform gets cache mounts of its own
	holding  bool // each job stays until the steps of all have run
}

// of is why the solve may not go on.
func (c clearance) of(index int) error {
	if c.err == nil && c.errs != nil {
		return c.errs[index]
	}
	return c.err
}

// limits bound the solves that work at the same time; nil is no bound.
type limits struct{ all, emulated *semaphore.Weighted }

func newConductor(n int) *conductor {
	c := &conductor{n: n, report: make(chan report, n), cleared: make(chan struct{})}
	c.worked.Add(n)
	return c
}

// clear waits until each solve has reported, and tells them all what decide says.
func (c *conductor) clear(ctx context.Context, decide func(context.Context, []report) clearance) {
	reports := make([]report, c.n)
	for range c.n {
		select {
		case r := <-c.report:
			reports[r.index] = r
		case <-ctx.Done():
			c.clearance = clearance{err: context.Cause(ctx)}
			close(c.cleared)
			return
		}
	}
	c.clearance = decide(ctx, reports)
	close(c.cleared)
}

// await blocks a solve at the barrier.
func (c *conductor) await(ctx context.Context, index int) (clearance, error) {
	select {
	case <-c.cleared:
		return c.clearance, c.clearance.of(index)
	case <-ctx.Done():
		return clearance{}, context.Cause(ctx)
	}
}

// enter waits for the solve's turn; leave gives the turn back.
func (l limits) enter(ctx context.Context, emulated bool) (leave func(), err error) {
	var held []*semaphore.Weighted
	leave = func() {
		for _, s := range held {
			s.Release(1)
		}
	}
	wanted := []*semaphore.Weighted{l.all}
	if emulated {
		wanted = []*semaphore.Weighted{l.emulated, l.all}
	}
	for _, s := range wanted {
		if s == nil {
			continue
		}
		if err := s.Acquire(ctx, 1); err != nil {
			leave()
			return func() {}, context.Cause(ctx)
		}
		held = append(held, s)
	}
	return leave, nil
}

func (l limits) bound() bool { return l.all != nil || l.emulated != nil }

// newLimits: --jobs bounds all solves. Without it all native ones work at once and as many emulated ones as the node has CPUs.
func newLimits(req Request, plan plan.Plan, cpus int) limits {
	if req.Jobs > 0 && req.Jobs < len(plan.Jobs) {
		return limits{all: semaphore.NewWeighted(int64(req.Jobs))}
	}
	emulated := 0
	for _, j := range plan.Jobs {
		if j.Mode.Emulated() {
			emulated++
		}
	}
	if req.Jobs == 0 && cpus > 0 && emulated > cpus {
		return limits{emulated: semaphore.NewWeighted(int64(cpus))}
	}
	return limits{}
}

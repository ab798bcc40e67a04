package solve

import (
	"context"
	"sync"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/pins"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// barrier waits until every job has read its Dockerfile, and then decides once for all of them. Each job has a seat at it.
type barrier struct {
	report chan report
	// decided is closed when decision is set.
	decided  chan struct{}
	decision decision
	opaque   sync.Once // limits to one the note that a graph cannot be read
	caches   *cacheExport

	mu    sync.Mutex
	rooms []*room // by index: the room of the job's node
}

// room is the state that the jobs of one node share.
type room struct {
	seated  int
	allLeft chan struct{} // closed when no seat is taken any more
}

// report is a job's report to the barrier: its graph, or why there is none. gw is nil if its solve has ended.
type report struct {
	index int
	graph graph.Graph
	def   *llb.Definition   // the definition that graph was read from
	base  platform.Platform // the platform in the configuration of the base image of the result; zero if there is no base image or its configuration names none
	err   error
	gw    gateway.Client
	on    *job // the job that reports, on the node of gw; nil if it has not come so far
}

// decision is the barrier's answer to all jobs.
type decision struct {
	err    error   // no job may go on
	errs   []error // by index: why this job may not go on while the others do; nil if all may
	pins   pins.Pins
	reread []bool // by index: the graph was not read under the pins
	plan   plan.Plan
	on     []*nodeRun // by index: the node that the job was on
	// adapt returns the decision for a job that is on another node by now, whose gateway has read the Dockerfile.
	adapt   func(context.Context, decision, job, gateway.Client, reading) (decision, error)
	emulate func(ctx context.Context, j job) (plan.Job, error) // makes the job's node run a platform that the plan did not emulate
	limits  []limits                                           // by index: of the job's node
	isolate bool                                               // each platform gets its own cache mounts
	uploads *uploads                                           // nil if no solve waits for another one before it pushes
	holding []bool                                             // by index: the job stays until the steps of all jobs of its node have run
}

// of returns why the job may not go on.
func (c decision) of(index int) error {
	if c.err == nil && c.errs != nil {
		return c.errs[index]
	}
	return c.err
}

func newBarrier(jobs []job) *barrier {
	b := &barrier{report: make(chan report, len(jobs)), decided: make(chan struct{})}
	rooms := map[*nodeRun]*room{}
	for _, j := range jobs {
		if rooms[j.nodeRun] == nil {
			rooms[j.nodeRun] = &room{len(j.own), make(chan struct{})}
		}
		b.rooms = append(b.rooms, rooms[j.nodeRun])
	}
	return b
}

// decide waits until each job has reported, and gives all of them the result of the function.
func (b *barrier) decide(ctx context.Context, decide func(context.Context, []report) decision) {
	defer close(b.decided)
	reports := make([]report, len(b.rooms))
	for range b.rooms {
		select {
		case r := <-b.report:
			reports[r.index] = r
		case <-ctx.Done():
			b.decision = decision{err: context.Cause(ctx)}
			return
		}
	}
	b.decision = decide(ctx, reports)
}

// seat returns the seat of the job with that index.
func (b *barrier) seat(index int) *seat { return &seat{barrier: b, index: index} }

// seat is one job's access to the barrier. Only the first call of Report and of Leave counts.
type seat struct {
	*barrier
	index     int
	reporting sync.Once
	leaving   sync.Once
}

// Report delivers the job's report.
func (s *seat) Report(r report) {
	s.reporting.Do(func() {
		r.index = s.index
		s.report <- r
	})
}

// Await waits for the decision. It returns an error if the job may not go on.
func (s *seat) Await(ctx context.Context) (decision, error) {
	select {
	case <-s.decided:
		return s.decision, s.decision.of(s.index)
	case <-ctx.Done():
		return decision{}, context.Cause(ctx)
	}
}

// Leave marks that the job's steps have run, or will not run.
func (s *seat) Leave() {
	s.leaving.Do(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		room := s.rooms[s.index]
		if room.seated--; room.seated == 0 {
			close(room.allLeft)
		}
	})
}

// AwaitOthers waits until all jobs of the node have left.
func (s *seat) AwaitOthers(ctx context.Context) error {
	select {
	case <-s.rooms[s.index].allLeft:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

package solve

import (
	"context"

	"golang.org/x/sync/semaphore"

	"github.com/docker-multiarch/docker-multiarch/internal/plan"
)

// limits bound the number of solves that work at the same time; nil means no limit.
type limits struct{ all, emulated *semaphore.Weighted }

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

// newLimits returns the limits of each job, which its node's jobs share. Without a number in the request all native solves of a node work at once, and as
// many emulated ones as the node has CPUs.
func newLimits(jobs []job, planned plan.Plan) []limits {
	all := make([]limits, len(jobs))
	for _, r := range runsOf(jobs) {
		var its limits
		if bound := r.req.Jobs; bound > 0 && bound < len(r.own) {
			its.all = semaphore.NewWeighted(int64(bound))
		}
		emulated := 0
		for _, i := range r.own {
			if planned.Jobs[i].Mode.Emulated() {
				emulated++
			}
		}
		if r.req.Jobs == 0 && r.node.CPUs > 0 && emulated > r.node.CPUs {
			its.emulated = semaphore.NewWeighted(int64(r.node.CPUs))
		}
		for _, i := range r.own {
			all[i] = its
		}
	}
	return all
}

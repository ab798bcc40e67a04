package solve

import (
	"context"

	"golang.org/x/sync/semaphore"

	"github.com/docker-multiarch/docker-multiarch/internal/plan"
)

// limits bound the solves that work at the same time; nil is no bound.
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

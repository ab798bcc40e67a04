package solve

import (
	"context"

	"golang.org/x/sync/semaphore"
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

// newLimits returns the limits of a node: with a number in the request that of all solves, otherwise that of emulated ones, one a CPU.
func newLimits(jobs, cpus int) (l limits) {
	switch {
	case jobs > 0:
		l.all = semaphore.NewWeighted(int64(jobs))
	case cpus > 0:
		l.emulated = semaphore.NewWeighted(int64(cpus))
	}
	return l
}

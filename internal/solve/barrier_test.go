package solve

import (
	"context"
	"errors"
	"slices"
	"testing"
)

func TestOnlyAJobsFirstReportCountsAndAllLearnTheDecision(t *testing.T) {
	run := &nodeRun{own: []int{0, 1}}
	b := newBarrier([]job{{index: 0, nodeRun: run}, {index: 1, nodeRun: run}})
	first, refused := errors.New("first"), errors.New("refused")
	seats := []*seat{b.seat(0), b.seat(1)}
	for i, s := range seats {
		s.Report(report{err: []error{first, nil}[i]})
		s.Report(report{err: errors.New("again")})
	}
	var got []error
	b.decide(t.Context(), func(_ context.Context, reports []report) decision {
		for i, r := range reports {
			if r.index != i {
				t.Errorf("report %d is of %d", i, r.index)
			}
			got = append(got, r.err)
		}
		return decision{errs: []error{nil, refused}}
	})
	if !slices.Equal(got, []error{first, nil}) {
		t.Errorf("reports %v", got)
	}
	for i, want := range []error{nil, refused} {
		if _, err := seats[i].Await(t.Context()); !errors.Is(err, want) {
			t.Errorf("seat %d: %v", i, err)
		}
	}
}

func TestOthersAreAwaitedUntilEachHasLeftOnceOrTheWaitEnds(t *testing.T) {
	run := &nodeRun{own: []int{0, 1}}
	b := newBarrier([]job{{index: 0, nodeRun: run}, {index: 1, nodeRun: run}})
	here, there := b.seat(0), b.seat(1)
	here.Leave()
	here.Leave()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if err := here.AwaitOthers(ctx); !errors.Is(err, cause) {
		t.Errorf("the other one is here: %v", err)
	}
	there.Leave()
	if err := here.AwaitOthers(t.Context()); err != nil {
		t.Error(err)
	}
}

package solve

import (
	"context"
	"errors"

	"github.com/docker-multiarch/docker-multiarch/internal/failure"
)

// failedFast ends the others' solves by stop if a platform's result means that the build fails, and that is to end it at once.
func (w task) failedFast(i int, r solved, stop context.CancelCauseFunc) {
	if w.req.FailFast && r.err != nil && !w.dispensable(i, r.err) && !failure.Consequence(r.err) {
		stop(&failure.StoppedError{By: w.targets[i]})
	}
}

// stoppedBy gives the platforms that were stopped by a failure the reason: their own errors say only that they were.
func stoppedBy(ctx context.Context, results []solved) {
	stop, ok := errors.AsType[*failure.StoppedError](context.Cause(ctx))
	if !ok {
		return
	}
	for i, r := range results {
		if r.err != nil && failure.Cancelled(r.err) {
			results[i].err = stop
		}
	}
}

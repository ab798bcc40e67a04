package solve

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc/codes"

	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// StoppedError is the error of a platform that was stopped because another one had failed ([Request.FailFast]).
type StoppedError struct{ By platform.Platform }

func (e *StoppedError) Error() string {
	return fmt.Sprintf("stopped, because %s failed", platform.Format(e.By))
}

// consequence tells whether a platform has no result only because another one has none.
func consequence(err error) bool {
	_, stopped := errors.AsType[*StoppedError](err)
	return stopped || errors.Is(err, sink.ErrNotExported)
}

// failedFast ends the others' solves by stop if a platform's result means that the build fails, and that is to end it at once.
func (w task) failedFast(i int, r solved, stop context.CancelCauseFunc) {
	if w.req.FailFast && r.err != nil && !w.dispensable(i, r.err) && !consequence(r.err) {
		stop(&StoppedError{w.targets[i]})
	}
}

// stoppedBy gives the platforms that were stopped by a failure the reason: their own errors say only that they were.
func stoppedBy(ctx context.Context, results []solved) {
	stop, ok := errors.AsType[*StoppedError](context.Cause(ctx))
	if !ok {
		return
	}
	for i, r := range results {
		if r.err != nil && cancelled(r.err) {
			results[i].err = stop
		}
	}
}

// cancelled tells the error of a solve that was cancelled. BuildKit brings it back as text.
func cancelled(err error) bool {
	return errors.Is(err, context.Canceled) || grpcerrors.Code(err) == codes.Canceled || strings.HasSuffix(err.Error(), context.Canceled.Error()) ||
		consequence(err)
}

package solve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/crosscompile"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/imagetest"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/vertexlog"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// run makes the platform's image and tests it. It never returns before it has reported to the barrier and left it.
func (j job) run(ctx context.Context, seat *seat) solved {
	defer seat.Leave()
	defer j.natives.Ends(j.index)
	j, r := j.attempts(ctx, seat)
	if tests := j.req.testsOf(j.target); r.err == nil && len(tests) > 0 {
		r = r.tested(j.testers[j.node.Name].Run(ctx, j.tested(r.child), tests))
	}
	if r.err != nil && !j.req.optional(j.target) {
		j.files.Fail()
	}
	return r
}

// tested returns the image as the tests need it.
func (j job) tested(c index.Child) imagetest.Image {
	img := imagetest.Image{Platform: j.target, Child: c}
	if j.req.Outputs.Load() == nil && j.req.Pushes() {
		img.Pull = j.req.Repositories()[0]
	}
	return img
}

// attempts makes attempts until there is an image that may be published, or no reason for another attempt. The last attempt counts. Steps
// that finished in an earlier attempt are in the cache.
//
// The job that is returned is on the node of the last attempt.
func (j job) attempts(ctx context.Context, seat *seat) (job, solved) {
	log := &vertexlog.Log{}
	a, o, why, wrong := j.tries(ctx, attempt{isolated: j.req.Cache.Mounts == buildcache.IsolatedMounts}, seat, log)
	if why == fallBack {
		a, o = j.at(a).triesAfterFallback(ctx, a, o, wrong, seat, log)
	}
	j = j.at(a)
	j.fleet.left(j, o.err)
	seat.Report(report{err: o.err})
	return j, solved{outcome: o, on: j.nodeRun, retries: a.before + a.retries, log: log, cross: j.relocationReport(o, log)}
}

// tries makes attempts, starting with a, until there is no reason for another one or the job must fall back, as wrong says. It returns the
// last attempt and its outcome.
func (j job) tries(ctx context.Context, a attempt, seat *seat, log *vertexlog.Log) (_ attempt, o outcome, why reason, wrong crosscompile.Fallback) {
	for {
		j = j.at(a)
		o = j.once(ctx, a, seat, log)
		var gone error
		if why, wrong, gone = j.again(ctx, a, o, log); gone != nil {
			o.err = gone
		}
		if why == "" || why == fallBack {
			return a, o, why, wrong
		}
		next, err := j.next(ctx, a, o, why, wrong)
		if err != nil {
			return a, o.endedBy(err, next.fallback), "", wrong
		}
		a = next
	}
}

// triesAfterFallback falls back after an attempt and makes the attempts that follow. They end when a native platform fails in the same way: the
// failure of the first attempt is then the author's, and is the job's result.
func (j job) triesAfterFallback(ctx context.Context, a attempt, first outcome, wrong crosscompile.Fallback, seat *seat, log *vertexlog.Log) (attempt, outcome) {
	ctx, stop := j.untilNativeFails(ctx, first, wrong)
	defer stop()
	last, o := a, first
	if next, err := j.next(ctx, a, first, fallBack, wrong); err != nil {
		o = first.endedBy(err, next.fallback)
	} else {
		last, o, _, _ = j.tries(ctx, next, seat, log) // a job falls back once
	}
	if o.err != nil && errors.Is(context.Cause(ctx), errSameNatively) {
		j.noteSameNatively(wrong)
		o = o.failedAs(first)
	}
	return last, o
}

// again asks [again] about the outcome of an attempt. Nothing is done again if exported files of the job cannot be taken back. gone is the
// error of a node that did not return.
func (j job) again(ctx context.Context, a attempt, o outcome, log *vertexlog.Log) (why reason, wrong crosscompile.Fallback, gone error) {
	if o.err != nil {
		j.holder.Drop(j.ordinal())
	}
	why = again(afterAttempt, facts{
		cancelled: ctx.Err() != nil, unpinned: o.unpinned, failed: o.err != nil, retries: a.retries, limit: j.limit(o), fellBack: o.fallback.why != "",
		relocated: func() bool { wrong = j.fallbackReason(ctx, o, log); return wrong.Why != "" },
		lost:      isLost(o.err),
		elsewhere: func() bool { _, err := j.fleet.elsewhere(ctx, j, o.err); return err == nil },
		returned: func() bool {
			_, gone = j.fleet.returned(j, o.err)
			return gone == nil
		},
	})
	if (why == tryAgain || why == fallBack || why == moveOn || why == goOn) && (ctx.Err() != nil || !j.files.Again(j.index)) {
		why = ""
	}
	return why, wrong, gone
}

// next returns the attempt that follows an outcome. If there can be none, the error is the job's, and the attempt only says why the job has
// fallen back.
func (j job) next(ctx context.Context, a attempt, o outcome, why reason, wrong crosscompile.Fallback) (attempt, error) {
	next := a
	next.decided, next.isolated, next.fallback = o.decided, o.isolated, o.fallback
	if why == readUnderPins {
		next.began = o.began
		return next, nil
	}
	next.began, next.spent = time.Time{}, o.seconds
	switch why {
	case tryAgain:
		j.env.Progress.Note(diag.Notef("%s", j.retryNote(a, o)))
		if manifest.Sleep(ctx, j.req.RetryPause) != nil {
			return next, o.err
		}
		next.retries++
	case fallBack:
		var err error
		if next.fallback, err = j.fallBack(ctx, *o.decided, wrong.Why); err != nil {
			return next, fmt.Errorf("%w (it was to be built again under emulation: %w)", o.err, err)
		}
		next.before, next.retries = a.before+a.retries, 0
	case moveOn:
		var err error
		if next.moved, err = j.fleet.move(ctx, j, o.err); err != nil {
			return next, fmt.Errorf("%w (it was to be built again on another node: %w)", o.err, err)
		}
		next.fallback = fallback{}
	case goOn:
		run, err := j.fleet.returned(j, o.err)
		if err != nil {
			return next, err
		}
		next.moved, next.fallback = &job{j.index, j.target, run, j.instead}, fallback{}
	default: // nothing else changes
	}
	if why != moveOn && why != goOn && j.holder.Renew(ctx) != nil {
		return next, o.err
	}
	if a.decided == nil && o.decided != nil { // the attempt keeps the sources that the barrier decided on
		under := *o.decided
		under.pins = under.pins.WithImagesOf(o.got.graph)
		next.decided = &under
	}
	return next, nil
}

// limit returns how often a job that failed with this outcome may be retried.
func (j job) limit(o outcome) int {
	if o.err == nil || o.made {
		return 0
	}
	err := o.explained(j.index)
	if step, ok := errors.AsType[*failure.StepError](err); ok {
		if step.Crashed {
			return max(1, j.req.Retry)
		}
		return 0
	}
	if !failure.Retryable(err, o.decided != nil) {
		return 0
	}
	return j.req.Retry
}

func (j job) retryNote(a attempt, o outcome) string {
	why := "it failed"
	if step, ok := errors.AsType[*failure.StepError](o.explained(j.index)); ok && step.Crashed {
		why = "the emulator crashed"
	}
	return fmt.Sprintf("%s: %s; trying again (%d of %d): %v", platform.Format(j.target), why, a.retries+1, j.limit(o), o.err)
}

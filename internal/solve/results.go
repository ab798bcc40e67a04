package solve

import (
	"context"
	"errors"

	"github.com/docker-multiarch/docker-multiarch/internal/crosscompile"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/imagecheck"
	"github.com/docker-multiarch/docker-multiarch/internal/placements"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/internal/timing"
	"github.com/docker-multiarch/docker-multiarch/internal/vertexlog"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// solved is the result of a job: the outcome of its last attempt, and the data of all attempts together. Only this file changes it.
type solved struct {
	outcome
	on      *nodeRun // that made it
	tests   []smoke.Outcome
	retries int
	log     *vertexlog.Log
	cross   crosscompile.Report
}

// tested returns the result with the outcomes of its tests.
func (r solved) tested(tests []smoke.Outcome, err error) solved {
	r.tests, r.err = tests, err
	return r
}

// gather turns the results of the solves into one report: with the reason that stopped all of them, or with the platforms' own errors.
func gather(ctx context.Context, w task, results []solved, decided decision) (Report, error) {
	rep := Report{Nodes: len(w.env.Nodes) + len(w.env.Down)}
	for i, r := range results {
		p := PlatformReport{
			Platform: w.targets[i], Node: r.on.node.Name, Seconds: r.seconds, Err: r.err,
			Manifest: r.child.Image.Descriptor, Config: r.child.Image.Config.Digest, Size: r.child.Image.Size,
			Attestations: r.child.Attestations, Verify: r.examined.Result, Tests: r.tests,
			Retries: r.retries, Cross: r.cross,
		}
		if cause := context.Cause(ctx); cause != nil && p.Err != nil {
			p.Err = cause
		}
		if len(decided.plan.Jobs) > 0 {
			job := decided.plan.Jobs[i]
			if r.decided != nil && i < len(r.decided.plan.Jobs) {
				job = r.decided.plan.Jobs[i] // of the node that the platform was moved to
			}
			if r.fallback.job != nil {
				job = *r.fallback.job
			}
			p.Mode, p.Emulator, p.Instead = job.Mode, job.Emulator, job.Instead
			p.Err = r.symptoms.Explain(job, p.Err)
		}
		rep.Platforms = append(rep.Platforms, p)
	}
	if err := context.Cause(ctx); err != nil {
		return rep, err
	}
	if decided.err != nil && !errors.Is(decided.err, errUnread) && !failure.IsConsequence(decided.err) {
		return rep, decided.err
	}
	if w.suffice(results) {
		return rep, nil
	}
	return rep, failedError(rep.Platforms)
}

// errUnread says that every platform failed before the barrier. Their own errors say why.
var errUnread = errors.New("no platform's Dockerfile could be read")

// suffice reports whether a build can go on with these results: there is at least one image, and the missing platforms are optional and
// failed for reasons of their own.
func (w task) suffice(results []solved) bool {
	some := false
	for i, r := range results {
		if r.err != nil && !w.dispensable(i, r.err) {
			return false
		}
		some = some || r.err == nil
	}
	return some
}

// compare compares the findings in the images of all platforms with each other.
func (w task) compare(results []solved) {
	all, made := make([]imagecheck.Found, len(results)), make([]*imagecheck.Found, 0, len(results))
	for i := range results {
		if all[i] = results[i].examined; results[i].err == nil {
			made = append(made, &results[i].examined)
		}
	}
	imagecheck.Compare(made)
	for _, warning := range imagecheck.Unmatched(all) {
		w.env.Progress.Note(warning)
	}
}

// worthKeeping is the shortest time of an emulated step, in seconds, that is recorded: shorter savings are not worth reporting.
const worthKeeping = 1

// remember records how long emulated steps took, for a later build in which they are relocated. A failure to do so is ignored.
func (w task) remember(results []solved, plan plan.Plan) {
	if w.env.Times == "" {
		return
	}
	times := timing.Times{}
	for _, r := range results {
		for _, s := range r.got.graph.Steps {
			if took := r.log.Seconds(s.Digest); s.Kind == graph.Exec && took >= worthKeeping && r.on.node.Emulates(s, plan) {
				times[timing.KeyOf(w.req.Source.Project(w.env.Client), s)] = took
			}
		}
	}
	if len(times) > 0 {
		f := w.env.times()
		f.Put(timesName, timing.Decode(f.Get(timesName)).With(times).Encode())
	}
}

// rememberPlaces records the nodes that have built the platforms, if there was a choice.
func (w task) rememberPlaces(results []solved) {
	nodes := placements.Last{}
	for i, r := range results {
		if n := r.on.node; r.err == nil && len(w.env.Nodes) > 1 {
			nodes[platform.Format(w.targets[i])] = placementKey(n.Name, n.Address)
		}
	}
	w.placements().Put(nodes)
}

// failedFast ends the other solves by stop if a platform's result means that the build fails, and the request says FailFast.
func (w task) failedFast(i int, r solved, stop context.CancelCauseFunc) {
	if w.req.FailFast && r.err != nil && !w.dispensable(i, r.err) && !failure.IsConsequence(r.err) {
		stop(&failure.StoppedError{By: w.targets[i]})
	}
}

// stoppedBy gives the platforms that were stopped by a failure the reason: their own errors only say that they were stopped.
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

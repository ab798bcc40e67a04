package solve

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Run builds the request and moves its tags. preflight is run beside the reading of the Dockerfile; if it fails nothing is built.
//
// The report is of use with an error too. Errors that a caller may tell apart: [CannotRunError], [PreflightError], [FailedError],
// [PushError], and the cause of a cancelled ctx.
func Run(ctx context.Context, req Request, env Env, preflight func(context.Context) error) (Report, error) {
	targets := req.targets(env.Node)

	solving, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	files, err := sink.StageFiles(ctx, req.Outputs.Files, targets, req.AllowPartial, env.Stdout)
	if err != nil {
		return Report{}, err
	}
	defer files.Abort(ctx)
	bench, clearBench, err := openBench(ctx, req, env, targets)
	if err != nil {
		return Report{}, err
	}
	defer clearBench()
	w := task{req, env, targets, files, bench}
	results, cleared, err := solveAll(solving, cancel, w, preflight)
	if err != nil {
		return Report{}, err
	}
	w.remember(results, cleared.plan)
	rep, err := gather(solving, w, results, cleared)
	if err != nil {
		return rep, err
	}
	var children []index.Child
	for i, r := range results {
		if r.child.Platform = targets[i]; r.err == nil {
			children = append(children, r.child)
		} else {
			files.LeaveOut(i)
		}
	}
	return finish(ctx, w, rep, children)
}

// task is what a build is about: nothing in it changes.
type task struct {
	req     Request
	env     Env
	targets []platform.Platform // in canonical order
	files   *sink.StagedFiles
	bench   *smoke.Bench // nil if nothing is tested
}

// solveAll runs one solve a platform. Its results are in the order of targets. It cancels ctx if the context cannot be served.
func solveAll(
	ctx context.Context, cancel context.CancelCauseFunc, w task, preflight func(context.Context) error,
) ([]solved, clearance, error) {
	req, env, targets := w.req, w.env, w.targets
	shared, stop, err := serveContext(ctx, cancel, req.Source, env)
	if err != nil {
		return nil, clearance{}, err
	}
	defer stop()

	cache := newCaching(req.Cache, targets, env.Progress.Note)
	exam := newExaminer(req, env)
	keep := newKeepers(ctx, &solve{platform: targets[0], req: req, env: env, cache: cache, context: shared})
	defer keep.close()
	cond := newConductor(len(targets))
	asking, done := context.WithCancel(ctx)
	defer done() // nobody waits for answers when no Dockerfile could be read
	decide := newClearing(asking, req, env, targets, withCaches(keep.solve, preflight))
	solving, end := context.WithCancelCause(ctx)
	defer end(nil)
	results, natives := make([]solved, len(targets)), &natives{}
	var solves sync.WaitGroup
	for i, target := range targets {
		s := &solve{
			index: i, platform: target, req: req, env: env, cond: cond, reach: decide.reach, files: w.files, examiner: exam, bench: w.bench, cache: cache,
			context: shared, recorded: i == recorded(env.Node, targets),
			isolated: req.Cache.Mounts == IsolatedMounts, natives: natives,
		}
		if cache.kept(req) {
			s.keeper = keep
		}
		solves.Go(func() {
			results[i] = s.run(solving)
			w.failedFast(i, results[i], end)
		})
	}
	cond.clear(solving, decide.decide)
	solves.Wait()
	stoppedBy(solving, results)
	compare(results)
	for _, pattern := range idle(results) {
		env.Progress.Note(fmt.Sprintf("warning: --verify-allow %q matches no executable of any platform", pattern))
	}
	cleared := cond.clearance
	if w.suffice(results) && cleared.err == nil {
		c := newClosing(keep.solve, targets, results, cleared.pins)
		cleared.err = c.export(ctx, req.Cache.To)
	}
	return results, cleared, nil
}

// newClearing starts what the barrier waits for: the preflight, and the probe where an architecture is foreign.
func newClearing(ctx context.Context, req Request, env Env, targets []platform.Platform, preflight func(context.Context) error) clearing {
	c := clearing{req: req, env: env, targets: targets, reach: newReach(req)}
	c.preflight = sync.OnceValue(func() error { return preflight(ctx) })
	c.probe = sync.OnceValues(func() (emulation.Status, error) { return env.Node.Probe(ctx, targets...) })
	go func() { _ = c.preflight() }()
	if env.Node.Foreign(targets...) && req.Source.MayRun() || env.Node.Foreign(req.tested(targets)...) {
		go func() { _, _ = c.probe() }()
	}
	return c
}

// gather turns what the solves say into one report: with the reason to stop all of them, or with the platforms' own errors.
func gather(ctx context.Context, w task, results []solved, cleared clearance) (Report, error) {
	var rep Report
	for i, r := range results {
		p := PlatformReport{
			Platform: w.targets[i], Node: w.env.Node.Name, Seconds: r.seconds, Err: r.err,
			Manifest: r.child.Image.Descriptor, Config: r.child.Image.Config.Digest, Size: r.child.Image.Size,
			Attestations: r.child.Attestations, Verify: r.examined.Result, Tests: r.tests,
			Retries: r.retries, Cross: r.cross,
		}
		if cause := context.Cause(ctx); cause != nil && p.Err != nil {
			p.Err = cause
		}
		if len(cleared.plan.Jobs) > 0 {
			job := cleared.plan.Jobs[i]
			if r.job != nil {
				job = *r.job
			}
			p.Mode, p.Emulator = job.Mode, job.Emulator
			p.Err = r.symptoms.explained(job, p.Err)
		}
		rep.Platforms = append(rep.Platforms, p)
	}
	if err := context.Cause(ctx); err != nil {
		return rep, err
	}
	if cleared.err != nil && !errors.Is(cleared.err, errUnread) && !consequence(cleared.err) {
		return rep, cleared.err
	}
	if w.suffice(results) {
		return rep, nil
	}
	return rep, failure(rep.Platforms)
}

// errUnread: every platform failed before the barrier, so their own errors say why.
var errUnread = errors.New("no platform's Dockerfile could be read")

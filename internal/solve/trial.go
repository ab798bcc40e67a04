package solve

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/baseimage"
	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/crosscompile"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/imagecheck"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/internal/vertexlog"
)

// trial is an attempt in progress. Only this file and export.go change it.
type trial struct {
	job
	attempt
	seat *seat
	log  *vertexlog.Log
	push push
	// compressed ends the other solve that compresses layers; nil if there is none.
	compressed func()
	out        outcome
	// known is the image that was pushed lately under the same key; "" if there is none. unpushed: the solve leaves the image with the builder.
	// light: the client pushes it from there, if it is little.
	known           digest.Digest
	unpushed, light bool
	// exported and wanted are the exports that have ended, and how many there are.
	exported ended
	wanted   int
}

// once makes one attempt: a solve, its export, and the examination of the image.
func (j job) once(ctx context.Context, a attempt, seat *seat, log *vertexlog.Log) outcome {
	t := &trial{job: j, attempt: a, seat: seat, log: log, push: push{repositories: len(j.req.Repositories())}, exported: ended{}}
	t.out = outcome{decided: a.decided, isolated: a.isolated, began: a.began, relocation: relocation{fallback: a.fallback}}
	if t.out.began.IsZero() {
		t.out.began = time.Now()
	}
	within, over := j.whileUp(ctx)
	defer over()
	t.out.child, t.out.err = t.solved(within)
	if t.out.err != nil {
		t.out.err = j.lost(ctx, t.own(ctx, t.out.err))
	}
	t.out.made = t.out.err == nil
	t.out.seconds = a.spent + time.Since(t.out.began).Seconds()
	if t.out.made {
		if t.out.examined, t.out.err = t.check(ctx); failure.Disconnected(t.out.err) {
			t.out.err = j.lost(ctx, t.out.err)
		}
	}
	return t.out
}

// check examines the image.
func (t *trial) check(ctx context.Context) (imagecheck.Found, error) {
	if t.checker == nil {
		return imagecheck.Found{Result: gate.Result{Verdict: gate.NotAsked}}, nil
	}
	found, err := t.checker.Check(ctx, imagecheck.Image{Platform: t.target, Child: t.out.child, Base: t.out.got.base, Graph: t.out.got.graph})
	if _, refused := errors.AsType[*gate.RefusedError](err); t.checkedInImage() && (err == nil || refused) {
		err = cmp.Or(crosscompile.CheckImage(t.out.relocated, found.Findings, t.env.Bases), err)
	}
	return found, err
}

// checkedInImage reports whether the outputs of relocated stages are checked by the gate's findings in the finished image.
func (t *trial) checkedInImage() bool {
	looks := t.checker != nil && t.req.Verify.Mode != gate.Off && len(t.req.Verify.Allow) == 0
	return looks && len(t.req.Outputs.Files()) == 0 && crosscompile.InImage(t.out.relocated)
}

// solved runs the attempt's solve and returns the image that it exports.
func (t *trial) solved(ctx context.Context) (index.Child, error) {
	documents, err := t.req.NewDocuments(t.layers)
	if err != nil {
		return index.Child{}, err
	}
	o := order{
		pins: t.pins(), exports: func(ctx context.Context) []client.ExportEntry {
			all := t.exports(ctx, documents)
			t.wanted = len(all)
			return all
		},
		recorded: t.index == t.recorded(), see: t.see,
	}
	resp, err := t.solve(ctx, o, t.frontend)
	t.push.end(err == nil)
	if t.compressed != nil {
		t.compressed()
	}
	if err != nil && t.exported.count() >= t.wanted-1 { // all but the push
		resp, err = t.pushAgain(ctx, &t.out.symptoms, err)
	}
	if err != nil {
		return index.Child{}, err
	}
	t.seat.caches.Made(t.index, t.nodeRun, t.out)
	c, err := t.collect(ctx, resp, documents)
	c.Platform, c.ConfigPlatform = t.target, t.out.got.configPlatform
	return c, err
}

// frontend runs inside the solve's gateway call: it reads the Dockerfile, waits for the barrier, and continues with the same result.
func (t *trial) frontend(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
	t.reach.Start(ctx, gw)
	if t.decided != nil {
		if err := t.read(ctx, gw); err != nil {
			return nil, err
		}
		if err := t.adapt(ctx, gw); err != nil {
			return nil, err
		}
		return t.finish(ctx, gw)
	}
	if err := t.read(ctx, gw); err != nil {
		t.out.refused, err = t.seat.unread(ctx, gw, err)
		return nil, err
	}
	got := t.out.got
	t.noteOpaque(t.seat, got)
	opened := got.opening(ctx, gw)
	t.seat.Report(report{graph: got.graph, base: got.base.Platform, def: got.def, gw: gw, on: &t.job})
	decided, err := t.seat.Await(ctx)
	if err != nil {
		t.out.refused = err
		return nil, err
	}
	f := facts{otherSources: decided.reread[t.index], sharedMounts: decided.isolate && !t.out.isolated}
	t.out.decided, t.out.isolated = &decided, t.out.isolated || decided.isolate
	switch again(atBarrier, f) {
	case readUnderPins:
		t.out.unpinned = true
		return nil, errUnpinned
	case readIsolated:
		if err := t.read(ctx, gw); err != nil {
			return nil, err
		}
	default: // the graph that was read is the one that is built
		if t.out.got, err = opened(); err != nil {
			return nil, err
		}
	}
	if err := t.adapt(ctx, gw); err != nil {
		return nil, err
	}
	return t.finish(ctx, gw)
}

// adapt adapts the barrier's decision to the node of a job that was moved.
func (t *trial) adapt(ctx context.Context, gw gateway.Client) error {
	if t.out.decided.on[t.index] == t.nodeRun {
		return nil
	}
	adapted, err := t.out.decided.adapt(ctx, *t.out.decided, t.job, gw, t.out.got)
	if err != nil {
		t.out.refused = err
		return err
	}
	t.out.decided = &adapted
	return nil
}

// errUnpinned ends a solve whose Dockerfile must be read under pins. Nothing has been built.
var errUnpinned = errors.New("to be read again")

// read reads the Dockerfile. A later reading is not reported at the barrier.
func (t *trial) read(ctx context.Context, gw gateway.Client) (err error) {
	t.out.got, err = t.job.read(ctx, gw, t.out.isolated, t.out.decided != nil)
	return err
}

// unread reports why there is no graph. If a base image is missing the platform, the call stays open until the barrier is passed, since the
// barrier uses it to ask the builder which platforms the image has. refused is the same error with the platforms of the image, if they are
// known.
func (s *seat) unread(ctx context.Context, gw gateway.Client, err error) (refused, _ error) {
	if !baseimage.IsMissingPlatform(err) {
		return nil, err // the error is reported if it is not retried
	}
	s.Report(report{err: err, gw: gw})
	_, decided := s.Await(ctx)
	if base, ok := errors.AsType[*preflight.BaseError](decided); ok {
		return base, err
	}
	return nil, err
}

// finish runs the steps, if the export does not.
func (t *trial) finish(ctx context.Context, gw gateway.Client) (_ *gateway.Result, err error) {
	decided := *t.out.decided
	if t.out.relocation, err = t.relocate(ctx, gw, decided, t.out.relocation, t.out.isolated); err != nil {
		return nil, err
	}
	t.natives.Begins(t.index, t.out.got.graph)
	res := t.out.got.result
	t.recall()
	// Without an export BuildKit need not run anything, and steps whose outputs are checked before the export must run before it.
	pushes := !t.req.Attested() && len(decided.uploads.of(t.out.got.graph)) > 0
	runsHere := pushes || t.known != "" && !t.req.Attested() || len(t.out.relocated.Outputs) > 0 && !t.checkedInImage() ||
		decided.limits[t.index].bound() || decided.holding[t.index] || t.holder != nil
	if runsHere || !t.req.MakesImages() && len(t.req.Outputs.Files()) == 0 {
		err = t.work(ctx, gw, decided, res)
	}
	if err != nil || !t.req.Pushes() {
		return res, err
	}
	t.light = t.isLight()
	t.unpushed = t.req.Attested() || t.light || t.unchanged(ctx, gw)
	t.req.SetPush(res, !t.unpushed)
	if pushes && !t.unpushed {
		err = t.awaitPush(ctx, decided.uploads)
	}
	return res, err
}

// work runs the steps in the job's turn. Without a bound that is not necessary: the export runs them.
//
// A holding job stays until all have worked. BuildKit shares the result of a step between the solves that hold it, so that a stage for the
// node's own platform runs once for all platforms even under --no-cache and when the jobs work one by one.
func (t *trial) work(ctx context.Context, gw gateway.Client, decided decision, res *gateway.Result) error {
	ref, err := res.SingleRef()
	if err != nil || ref == nil {
		return err
	}
	leave, err := decided.limits[t.index].enter(ctx, t.out.way(t.index).Mode.Emulated())
	if err != nil {
		return err
	}
	t.out.began = time.Now()
	if err = t.holder.Hold(ctx, t.ordinal(), buildcache.Steps{Policy: decided.pins.Policy, Definition: t.out.got.def, Graph: t.out.got.graph}); err == nil {
		err = ref.Evaluate(ctx)
	}
	if err == nil && !t.checkedInImage() {
		err = t.checkOutputs(ctx, gw)
	}
	leave()
	if err != nil {
		return err // the job has not left the barrier for good: it may be retried
	}
	if t.seat.Leave(); decided.holding[t.index] {
		err = t.seat.AwaitOthers(ctx)
	}
	return err
}

// checkOutputs checks the outputs of relocated stages.
func (t *trial) checkOutputs(ctx context.Context, gw gateway.Client) error {
	err := crosscompile.Check(ctx, gw, t.out.relocated, t.log, t.env.Bases)
	if wrong, ok := errors.AsType[*crosscompile.WrongOutputError](err); ok {
		t.out.refused = wrong
	}
	return err
}

// see processes a message of the attempt's solve.
func (t *trial) see(msg *client.SolveStatus) {
	t.out.symptoms.Add(msg)
	t.exported.see(msg)
	t.log.Add(msg)
	t.steps.Add(&client.SolveStatus{Vertexes: msg.Vertexes})
	t.natives.Add(t.index, msg)
	t.push.see(msg)
}

// own returns the client's own error in place of BuildKit's text of it.
func (t *trial) own(ctx context.Context, err error) error {
	switch {
	case t.out.unpinned && ctx.Err() != nil:
		return context.Cause(ctx)
	case t.out.refused != nil:
		return t.out.refused
	case strings.Contains(err.Error(), sink.ErrNotExported.Error()):
		return sink.ErrNotExported
	}
	return t.files.Explain(failure.Scanner(t.req.Scanner(), err))
}

// noteOpaque notes once that a graph cannot be read.
func (j job) noteOpaque(s *seat, got reading) {
	if got.opaque == nil {
		return
	}
	s.opaque.Do(func() {
		j.env.Progress.Note(diag.Warningf("the frontend's graph of the Dockerfile cannot be read, so its steps are unknown: %v", got.opaque))
	})
}

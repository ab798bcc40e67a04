package solve

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/baseimage"
	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/crosscompile"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/timing"
	"github.com/docker-multiarch/docker-multiarch/internal/vertexlog"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// relocations decides which steps of each platform are relocated to its node's own platform.
func (c decider) relocations(ctx context.Context, v observation, status []emulation.Status) []cross.Relocated {
	relocated := make([]cross.Relocated, len(c.jobs))
	for k, r := range c.runs {
		var readings []crosscompile.Reading
		for _, i := range r.own {
			readings = append(readings, crosscompile.Reading{Target: c.targets[i], Definition: v.defs[i], Graph: v.graphs[i]})
		}
		its := crosscompile.Decider{
			Choice: c.req.Cross, Isolated: c.req.Cache.Mounts == buildcache.IsolatedMounts, Attested: len(c.req.Attests) > 0, Native: r.node.Native(),
			Emulated: func(p platform.Platform) bool {
				return p.Architecture != "" && r.node.Mode(p, status[k]) != plan.Native
			},
			Bases: baseimage.NewInspector(r.node.Native(), c.env.Bases), Note: c.env.Progress.Note,
		}.Decide(ctx, v.gws[r], readings)
		for n, i := range r.own {
			relocated[i] = its[n]
		}
	}
	return relocated
}

// emulate returns a function that makes a job's node run the platform as its frontend wrote it, after its relocated steps have failed.
// Calls run one at a time, so that an emulator that two platforms need is installed once.
func (c decider) emulate(graphs []graph.Graph) func(context.Context, job) (plan.Job, error) {
	var turn sync.Mutex
	return func(ctx context.Context, j job) (plan.Job, error) {
		turn.Lock()
		defer turn.Unlock()
		one, run := c, j.nodeRun
		one.targets, one.jobs, one.runs = []platform.Platform{j.target}, []job{j}, []*nodeRun{run}
		graphs := graphs[j.index : j.index+1]
		status, err := run.node.Probe(ctx, slices.Concat(one.targets, runs(graphs))...)
		if err != nil {
			return plan.Job{}, run.unprobed(err)
		}
		planned, found := one.emulators(ctx, graphs, []emulation.Status{status}, true)
		if len(found) > 0 {
			return plan.Job{}, found[0].Cause
		}
		return planned.Jobs[0], nil
	}
}

// relocation is the definition to solve: a reading, with or without relocated steps.
type relocation struct {
	got       reading
	relocated cross.Relocated // the barrier's decision for this reading; the zero value relocates nothing
	fallback  fallback
}

// fallback is why a platform is built under emulation although steps of it could be relocated. The zero value means no fallback.
type fallback struct {
	why string
	job *plan.Job // how the platform is made instead; nil if that is not known
}

// relocate relocates the steps that the barrier has chosen, unless the job has fallen back. It falls back itself where they cannot be
// relocated.
func (j job) relocate(ctx context.Context, gw gateway.Client, decided decision, r relocation, isolated bool) (relocation, error) {
	if j.index >= len(decided.plan.Relocated) || r.fallback.why != "" || r.got.def == nil {
		return r, nil
	}
	relocated, err := decided.plan.Relocated[j.index].Again(r.got.def, r.got.graph, isolated)
	if err == nil && relocated.Definition == nil {
		return r, nil
	}
	over := relocation{got: r.got, relocated: relocated}
	if err == nil {
		over.got.def, over.got.graph = relocated.Definition, relocated.Graph
		over.got.result, err = crosscompile.Apply(ctx, gw, relocated, r.got.result)
	}
	if err == nil {
		return over, nil
	}
	if ctx.Err() != nil {
		return r, context.Cause(ctx)
	}
	r.fallback, err = j.fallBack(ctx, decided, err.Error())
	return r, err
}

// fallBack gives up the relocated steps for the rest of the build. It makes the node run the platform, if the node does not yet.
func (j job) fallBack(ctx context.Context, decided decision, why string) (fallback, error) {
	j.env.Progress.Note(diag.Notef("%s: %s; this platform is built again under emulation", platform.Format(j.target), why))
	job, err := decided.emulate(ctx, j)
	if err != nil {
		return fallback{why: why}, err
	}
	return fallback{why, &job}, nil
}

// fallbackReason returns whether and why relocated steps are the cause of an attempt's failure.
func (j job) fallbackReason(ctx context.Context, o outcome, log *vertexlog.Log) crosscompile.Fallback {
	if o.err == nil || o.decided == nil || o.fallback.why != "" {
		return crosscompile.Fallback{}
	}
	return crosscompile.Failed{
		Relocated: o.relocated, Err: o.err, Log: log, Natives: j.natives, Native: nativeJobs(o.decided.plan),
	}.Fallback(ctx)
}

// nativeJobs returns the indexes of the jobs that run natively.
func nativeJobs(p plan.Plan) (all []int) {
	for i, job := range p.Jobs {
		if job.Mode == plan.Native {
			all = append(all, i)
		}
	}
	return all
}

// errSameNatively ends the second build of a platform.
var errSameNatively = errors.New("the same step has failed on the builder's own platform")

// untilNativeFails is for the second build of a platform, after its relocated steps failed. The context ends as soon as the step that
// failed also fails in the same way on the node's own platform, which may reach the step later: the failure is then the author's. stop
// waits until the goroutine has ended.
func (j job) untilNativeFails(ctx context.Context, o outcome, wrong crosscompile.Fallback) (_ context.Context, stop func()) {
	again, cancel := context.WithCancelCause(ctx)
	native := nativeJobs(o.decided.plan)
	var watching sync.WaitGroup
	watching.Go(func() {
		if wrong.FailsNatively(again, j.natives, native) {
			cancel(errSameNatively)
		}
	})
	return again, func() {
		cancel(nil)
		watching.Wait()
	}
}

// noteSameNatively notes that a platform is not built again.
func (j job) noteSameNatively(wrong crosscompile.Fallback) {
	j.env.Progress.Note(diag.Notef("%s: %q has failed on %s as well, so this platform is not built again",
		platform.Format(j.target), wrong.Step.Instruction(), platform.Format(j.node.Native())))
}

// relocationReport returns the part of the report about relocated steps.
func (j job) relocationReport(o outcome, log *vertexlog.Log) crosscompile.Report {
	r := crosscompile.Report{Fallback: o.fallback.why, Steps: crosscompile.Steps(o.relocated, log)}
	if o.decided != nil && j.index < len(o.decided.plan.Relocated) {
		r.Stages = o.decided.plan.Relocated[j.index].Stages
	}
	if j.env.Times != "" && len(r.Steps) > 0 {
		r.Avoided = crosscompile.Avoided(o.relocated, log, j.req.Source.Project(j.env.Client), timing.Decode(j.env.times().Get(timesName)).Times())
	}
	return r
}

// at returns the decider for the nodes on which the jobs are when they report.
func (c decider) at(reports []report) decider {
	c.jobs = slices.Clone(c.jobs)
	for i, r := range reports {
		if r.on != nil {
			c.jobs[i] = *r.on
		}
	}
	c.runs = runsOf(c.jobs)
	return c
}

func (c decider) onNodes() []*nodeRun {
	on := make([]*nodeRun, len(c.jobs))
	for i, j := range c.jobs {
		on[i] = j.nodeRun
	}
	return on
}

// adapt returns the decision for a job that is on another node than at the barrier. The common part stays as it is; how this platform
// is made is decided again, for the node and from the graph that it has read.
func (c decider) adapt(ctx context.Context, d decision, j job, gw gateway.Client, got reading) (decision, error) {
	view := *j.nodeRun // of a build of this platform only
	view.targets, view.own = []platform.Platform{j.target}, []int{0}
	one := c
	one.task, one.runs, one.jobs = view.task, []*nodeRun{&view}, []job{{0, j.target, &view, j.instead}}
	planned, _, found := one.plan(ctx, observation{
		gws: map[*nodeRun]gateway.Client{&view: gw}, graphs: []graph.Graph{got.graph}, defs: []*llb.Definition{got.def},
	}, true)
	if len(found) > 0 {
		return d, found[0].Cause
	}
	j.grants.Add(got.graph, got.opaque != nil)
	d.plan = d.plan.With(j.index, planned)
	d.on, d.limits, d.holding = slices.Clone(d.on), slices.Clone(d.limits), slices.Clone(d.holding)
	d.on[j.index], d.limits[j.index], d.holding[j.index] = j.nodeRun, j.fleet.limits(j.node), false
	return d, nil
}

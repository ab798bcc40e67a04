package solve

import (
	"context"
	"slices"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/baseimage"
	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/crosscompile"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/pins"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// decider decides at the barrier. Its preflight and the probes of its nodes were started with the build; the decider waits for them.
type decider struct {
	task
	runs      []*nodeRun // the nodes that have jobs
	jobs      []job      // in the order of the targets
	preflight func() error
}

// observation is the information at the barrier before the build does anything.
type observation struct {
	gws    map[*nodeRun]gateway.Client
	graphs []graph.Graph     // by index; zero if there is none
	defs   []*llb.Definition // the definitions that they were read from
	errs   []error           // why there is no graph
	read   []bool            // there is a graph, and the solve goes on
	// unread reports that the platforms' own errors say everything. Then nothing below is known.
	unread bool
	at     baseimage.At
	bases  []baseimage.Base
	lacks  []baseimage.MissingPlatform
	found  []diag.Diagnostic
}

// observe collects the reports, and examines the base images and the registries.
func (c decider) observe(ctx context.Context, reports []report) observation {
	v := observation{graphs: make([]graph.Graph, len(reports)), defs: make([]*llb.Definition, len(reports)), errs: make([]error, len(reports)), unread: true}
	v.read, v.gws = make([]bool, len(reports)), map[*nodeRun]gateway.Client{}
	said := make([]platform.Platform, len(reports))
	for i, r := range reports {
		v.graphs[i], v.defs[i], v.errs[i], said[i] = r.graph, r.def, r.err, r.base
		if run := c.jobs[i].nodeRun; v.gws[run] == nil && r.gw != nil {
			v.gws[run] = r.gw
		}
		v.read[i] = r.gw != nil && r.err == nil
		v.unread = v.unread && !baseimage.IsMissingPlatform(r.err) && !v.read[i]
	}
	if !v.unread {
		v.at = func(i int) baseimage.Resolver {
			run := c.jobs[i].nodeRun
			return baseimage.Resolver{Gateway: v.gws[run], Store: run.node.Blobs, Cache: c.env.Bases, Native: run.node.Native()}
		}
		v.bases = baseimage.Configured(ctx, baseimage.FromGraphs(c.targets, v.graphs, said), v.at)
		v.lacks = baseimage.MissingPlatforms(ctx, c.targets, v.errs, v.bases, v.at)
		v.found = c.examine(ctx, v)
	}
	return v
}

// without returns the targets that have no graph, or whose solve has ended.
func (v observation) without(targets []platform.Platform) (unread []platform.Platform) {
	for i, has := range v.read {
		if !has {
			unread = append(unread, targets[i])
		}
	}
	return unread
}

// decide is called once, when all platforms' graphs are known and nothing has been built. It leaves out solves that have already failed,
// unless they failed of something that a preflight checks.
func (c decider) decide(ctx context.Context, reports []report) decision {
	c = c.at(reports)
	v := c.observe(ctx, reports)
	if v.unread {
		return decision{err: errUnread}
	}
	if ctx.Err() != nil {
		return decision{err: context.Cause(ctx)}
	}
	graphs, found := v.graphs, v.found
	_, inTheWay := c.judge(found, nil)
	if inTheWay != nil {
		c.req.Cross = cross.Choice{} // a refused build needs no relocation
	}
	planned, solved, more := c.plan(ctx, v, inTheWay == nil)
	found = append(found, more...)
	errs, err := c.judge(found, planned.Jobs)
	if err != nil {
		return decision{err: err, plan: planned, on: c.onNodes()}
	}
	for i := range errs {
		if errs[i] != nil {
			graphs[i], solved[i] = graph.Graph{}, graph.Graph{} // the graphs of this job are unused from here on
		}
	}
	pinned, reread, notes := pins.Resolve(ctx, c.anyGateway(v), graphs)
	if ctx.Err() != nil {
		return decision{err: context.Cause(ctx)}
	}
	for _, f := range found {
		if !f.Refuses() {
			notes = append(notes, f)
		}
	}
	for _, n := range append(notes, c.important(planned, solved)...) {
		c.env.Progress.Note(n)
	}
	isolated, hint := c.req.Cache.Mounts.Isolated(c.targets, graphs, c.attrs)
	if hint.Found() {
		c.env.Progress.Note(hint)
	}
	for i, j := range c.jobs {
		if errs == nil || errs[i] == nil {
			j.grants.Add(graphs[i], v.defs[i] == nil && len(graphs[i].Steps) > 0)
		}
	}
	c.env.Progress.Cleared(planned)
	return decision{
		errs: errs, pins: pinned, reread: reread, plan: planned, limits: c.limits(planned), isolate: isolated,
		on: c.onNodes(), adapt: c.adapt, emulate: c.emulate(graphs), holding: c.holding(solved), uploads: newUploads(c.req.Delivery, solved),
	}
}

// holding returns for each job whether it stays until all jobs of its node have run. It stays where shared steps would otherwise run again.
func (c decider) holding(solved []graph.Graph) []bool {
	holding, on := make([]bool, len(c.jobs)), c.placement(nil)
	for k, r := range c.runs {
		if c.req.NoCache && on.SharesPrograms(k, solved) {
			for _, i := range r.own {
				holding[i] = true
			}
		}
	}
	return holding
}

// limits returns the limits of each job, which its node's jobs share, where the node has more jobs than may work at once. Where there are
// other nodes, jobs may be moved to it later, so that the limit of all always holds.
func (c decider) limits(planned plan.Plan) []limits {
	all := make([]limits, len(c.jobs))
	for _, r := range c.runs {
		its, emulated := r.fleet.limits(r.node), 0
		for _, i := range r.own {
			if planned.Jobs[i].Mode.Emulated() {
				emulated++
			}
		}
		if len(r.env.Nodes) == 1 && r.req.Jobs >= len(r.own) {
			its.all = nil
		}
		if emulated <= r.node.CPUs {
			its.emulated = nil
		}
		for _, i := range r.own {
			all[i] = its
		}
	}
	return all
}

// anyGateway returns the gateway client of a node that has read a graph. Questions on behalf of all nodes go to it.
func (c decider) anyGateway(v observation) gateway.Client {
	for _, r := range c.runs {
		if gw := v.gws[r]; gw != nil {
			return gw
		}
	}
	return nil
}

// placement returns which node makes each job. status has the result of each node's probe, by node.
func (c decider) placement(status []emulation.Status) plan.Placement {
	p := plan.Placement{Status: status, On: make([]int, len(c.jobs)), Instead: make([]string, len(c.jobs))}
	for _, r := range c.runs {
		p.Nodes = append(p.Nodes, r.node.Node)
	}
	for i, j := range c.jobs {
		p.On[i], p.Instead[i] = slices.Index(c.runs, j.nodeRun), j.instead
	}
	return p
}

// examine judges the base images, and waits for the registries.
func (c decider) examine(ctx context.Context, v observation) []diag.Diagnostic {
	local := make([][]preflight.HostSource, len(v.graphs))
	for i, g := range v.graphs {
		local[i] = c.jobs[i].node.hostSources(c.req.Source, g)
	}
	found := slices.Concat(
		preflight.OnHost(c.targets, v.graphs, local), preflight.MissingBases(ctx, v.lacks, v.at),
		preflight.Mismatches(ctx, v.bases, c.req.AllowMismatch, v.at),
	)
	refusals := preflight.Registries(c.preflight())
	found = append(found, refusals...)
	for _, r := range c.runs {
		found = append(found, r.reach.Findings(refusals)...)
	}
	if slices.ContainsFunc(found, diag.Diagnostic.Refuses) {
		found = append(found, preflight.Unreadable(c.targets, v.errs)...)
	}
	return found
}

// judge returns the consequences of the findings for the platforms, or for the whole build.
func (c decider) judge(found []diag.Diagnostic, jobs []plan.Job) ([]error, error) {
	return preflight.Judge(found, c.targets, c.req.AllowPartial, jobs)
}

// plan decides how each platform is made, and which of its steps are relocated instead of emulated. Where it helps and is allowed,
// emulators are installed, if nothing else refuses the build. solved are the graphs that will be solved.
func (c decider) plan(ctx context.Context, v observation, ready bool) (planned plan.Plan, solved []graph.Graph, found []diag.Diagnostic) {
	solved = slices.Clone(v.graphs)
	status := make([]emulation.Status, len(c.runs))
	for k, r := range c.runs {
		var err error
		if status[k], err = r.status(ctx, v.graphs); err != nil {
			return plan.Plan{}, solved, cannotRun(nil, r.unprobed(err))
		}
	}
	if unknown := cross.UnknownStages(c.req.Cross, v.graphs); len(unknown) > 0 {
		return c.planOf(v.graphs, status), solved, []diag.Diagnostic{preflight.Refusal("cross", &crosscompile.UnknownStageError{Stages: unknown})}
	}
	relocated := c.relocations(ctx, v, status)
	for i, m := range relocated {
		solved[i] = m.Graph
	}
	planned, found = c.emulators(ctx, solved, status, ready)
	planned.Relocated = relocated
	return planned, solved, found
}

// emulators plans these graphs, and installs the missing emulators on each node if nothing else refuses the build.
func (c decider) emulators(ctx context.Context, graphs []graph.Graph, status []emulation.Status, ready bool) (planned plan.Plan, found []diag.Diagnostic) {
	planned, status = c.planOf(graphs, status), slices.Clone(status)
	on := c.placement(status)
	for k, r := range c.runs {
		its := plan.Plan{Jobs: plan.ForNode(on, k, planned.Jobs)}
		missing := its.Missing()
		if len(missing) == 0 {
			continue
		}
		if r.req.KeepEmulators || r.node.Install == nil {
			found = append(found, r.cannotRun(its, missing, nil))
			continue
		}
		if !ready {
			continue
		}
		failed := r.install(ctx, &status[k], its)
		var err error
		if status[k], err = r.node.Probe(ctx, slices.Concat(plan.ForNode(on, k, c.targets), runs(plan.ForNode(on, k, graphs)))...); err != nil {
			return plan.Plan{}, cannotRun(nil, r.unprobed(err))
		}
		planned = c.planOf(graphs, status)
		its = plan.Plan{Jobs: plan.ForNode(on, k, planned.Jobs)}
		if missing := its.Missing(); len(missing) > 0 {
			found = append(found, r.cannotRun(its, missing, failed))
		}
	}
	return planned, found
}

// cannotRun returns the finding that the node cannot run some of its jobs. err is why installing an emulator did not help.
func (r *nodeRun) cannotRun(its plan.Plan, missing []platform.Platform, err error) diag.Diagnostic {
	return preflight.CannotRun(its.Jobs, &preflight.CannotRunError{
		Node: r.node.Name, Platforms: missing, Tests: its.MissingForTests(), Err: err,
		Address: r.node.Address, Builder: r.node.Builder, ByHand: r.node.Install == nil,
	})
}

func cannotRun(jobs []plan.Job, err error) []diag.Diagnostic {
	return []diag.Diagnostic{preflight.CannotRun(jobs, err)}
}

// status returns which platforms the node's kernel runs, as far as its graphs depend on it. graphs are those of all targets.
func (r *nodeRun) status(ctx context.Context, graphs []graph.Graph) (emulation.Status, error) {
	var needed []platform.Platform
	for _, i := range r.own {
		needed = append(needed, graphs[i].Runs()...)
	}
	needed = append(needed, r.req.tested(r.targetsOf())...)
	if !r.node.Foreign(needed...) {
		return emulation.Status{}, nil
	}
	for _, p := range needed {
		if !slices.ContainsFunc(r.targets, func(t platform.Platform) bool { return t.Architecture == p.Architecture }) {
			return r.node.Probe(ctx, needed...) // a stage is pinned to a platform that was not requested
		}
	}
	return r.probe(ctx)
}

// runs returns the platforms of the programs in the graphs, with repetitions.
func runs(graphs []graph.Graph) []platform.Platform {
	var ps []platform.Platform
	for _, g := range graphs {
		ps = append(ps, g.Runs()...)
	}
	return ps
}

// attrs returns the frontend attributes of a platform, for uses that do not depend on the context.
func (c decider) attrs(p platform.Platform) map[string]string { return c.req.attrs(p, "") }

// planOf returns the plan. A job is also impossible in it if the engine beside its node cannot run its tests, where BuildKit's own emulator is
// of no use. It is not known what another engine runs.
func (c decider) planOf(graphs []graph.Graph, status []emulation.Status) plan.Plan {
	on := c.placement(status)
	planned := plan.New(on, c.targets, graphs)
	for i := range planned.Jobs {
		j := &planned.Jobs[i]
		mode := on.Mode(i, j.Platform)
		if len(c.req.testsOf(j.Platform)) == 0 || c.jobs[i].node.Engine == nil || mode != plan.Impossible && mode != plan.EmulatedBuilder {
			continue
		}
		j.ForTests = len(j.Missing) == 0
		j.Mode, j.Missing = plan.Impossible, append(j.Missing, j.Platform)
	}
	return planned
}

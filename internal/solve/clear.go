package solve

import (
	"context"
	"fmt"
	"slices"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/baseimage"
	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/crosscompile"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// clearing is what is needed to decide at the barrier. preflight, probe and reach were started with the build and are waited for here.
type clearing struct {
	req       Request
	env       Env
	targets   []platform.Platform
	preflight func() error
	probe     func() (emulation.Status, error)
	reach     *preflight.Reach
}

// survey is what is known at the barrier before anything is done.
type survey struct {
	gw     gateway.Client
	graphs []graph.Graph     // by index; zero if there is none
	defs   []*llb.Definition // what they were read from
	errs   []error           // why there is no graph
	read   []bool            // there is one, and the solve goes on
	// unread: all that there is to say is in the platforms' own errors. Then nothing below is known.
	unread bool
	at     baseimage.At
	bases  []baseimage.Base
	lacks  []baseimage.Lack
	found  []preflight.Finding
}

// survey looks at the reports, the base images and the registries.
func (c clearing) survey(ctx context.Context, reports []report) survey {
	v := survey{graphs: make([]graph.Graph, len(reports)), defs: make([]*llb.Definition, len(reports)), errs: make([]error, len(reports)), unread: true}
	v.read = make([]bool, len(reports))
	said := make([]platform.Platform, len(reports))
	for i, r := range reports {
		v.graphs[i], v.defs[i], v.errs[i], said[i] = r.graph, r.def, r.err, r.base
		if v.gw == nil {
			v.gw = r.gw
		}
		v.read[i] = r.gw != nil && r.err == nil
		v.unread = v.unread && !baseimage.Lacks(r.err) && !v.read[i]
	}
	if !v.unread {
		v.at = func(int) baseimage.Resolver {
			return baseimage.Resolver{Gateway: v.gw, Store: c.env.Node.Blobs, Native: c.env.Node.Native()}
		}
		v.bases = baseimage.Configured(ctx, baseimage.Of(c.targets, v.graphs, said), v.at)
		v.lacks = baseimage.Lacking(ctx, c.targets, v.errs, v.bases, v.at)
		v.found = c.examine(ctx, v)
	}
	return v
}

// without are the targets that have no graph, or whose solve has ended.
func (v survey) without(targets []platform.Platform) (unread []platform.Platform) {
	for i, has := range v.read {
		if !has {
			unread = append(unread, targets[i])
		}
	}
	return unread
}

// decide is called once, when all platforms' graphs are known and nothing has been built. Solves that failed already are left out,
// unless what they failed of is something that a preflight looks for.
func (c clearing) decide(ctx context.Context, reports []report) clearance {
	v := c.survey(ctx, reports)
	if v.unread {
		return clearance{err: errUnread}
	}
	if ctx.Err() != nil {
		return clearance{err: context.Cause(ctx)}
	}
	gw, graphs, found := v.gw, v.graphs, v.found
	_, inTheWay := c.judge(found, nil)
	if inTheWay != nil {
		c.req.Cross = cross.Choice{} // nothing is looked at for it
	}
	planned, solved, more := c.plan(ctx, v, inTheWay == nil)
	found = append(found, more...)
	errs, err := c.judge(found, planned.Jobs)
	if err != nil {
		return clearance{err: err, plan: planned}
	}
	for i := range errs {
		if errs[i] != nil {
			graphs[i], solved[i] = graph.Graph{}, graph.Graph{} // nobody goes by it
		}
	}
	pins, reread, notes := pin(ctx, gw, graphs)
	if ctx.Err() != nil {
		return clearance{err: context.Cause(ctx)}
	}
	for _, f := range found {
		if f.Hint {
			notes = append(notes, "warning: "+f.String())
		}
	}
	for _, n := range append(notes, c.important(planned, solved)...) {
		c.env.Progress.Note(n)
	}
	isolated, hint := c.req.Cache.Mounts.Isolated(c.targets, graphs, c.attrs)
	if hint != "" {
		c.env.Progress.Note(hint)
	}
	c.env.Progress.Cleared(planned)
	limits := newLimits(c.req, planned, c.env.Node.CPUs)
	return clearance{
		errs: errs, pins: pins, reread: reread, plan: planned, limits: limits, isolate: isolated,
		emulate: c.emulate(graphs),
		holding: len(reports) > 1 && c.req.NoCache && plan.RunsShared(solved, planned.Shared),
	}
}

// examine judges the base images, and waits for the registries.
func (c clearing) examine(ctx context.Context, v survey) []preflight.Finding {
	local := make([][]preflight.HostSource, len(v.graphs))
	for i, g := range v.graphs {
		local[i] = c.env.Node.hostSources(c.req.Source, g)
	}
	found := slices.Concat(
		preflight.OnHost(c.targets, v.graphs, local), preflight.MissingBases(ctx, v.lacks, v.at),
		preflight.Mismatches(ctx, v.bases, c.req.AllowMismatch, v.at),
	)
	refusals := preflight.Registries(c.preflight())
	found = slices.Concat(found, refusals, c.reach.Findings(refusals))
	if slices.ContainsFunc(found, preflight.Finding.Refuses) {
		found = append(found, preflight.Unreadable(c.targets, v.errs)...)
	}
	return found
}

// judge is what the findings mean for the platforms, or for all of the build.
func (c clearing) judge(found []preflight.Finding, jobs []plan.Job) ([]error, error) {
	return preflight.Judge(found, c.targets, c.req.AllowPartial, jobs)
}

// plan decides how each platform is made, and what of it is moved from where it would be emulated. Where it helps and is allowed, emulators
// are installed, if nothing else is in the way. solved are the graphs of what will be solved.
func (c clearing) plan(ctx context.Context, v survey, clear bool) (planned plan.Plan, solved []graph.Graph, found []preflight.Finding) {
	solved = slices.Clone(v.graphs)
	status, err := c.status(ctx, v.graphs)
	if err != nil {
		return plan.Plan{}, solved, cannotRun(nil, c.unprobed(err))
	}
	if unknown := cross.UnknownStages(c.req.Cross, v.graphs); len(unknown) > 0 {
		return c.planOf(v.graphs, status), solved, []preflight.Finding{{Check: "cross", Err: &crosscompile.UnknownStageError{Stages: unknown}}}
	}
	moved := c.relocations(ctx, v, status)
	for i, m := range moved {
		solved[i] = m.Graph
	}
	planned, found = c.emulators(ctx, solved, status, clear)
	planned.Moved = moved
	return planned, solved, found
}

// emulators plans these graphs, and installs what is missing if the way is clear otherwise.
func (c clearing) emulators(ctx context.Context, graphs []graph.Graph, status emulation.Status, clear bool) (plan.Plan, []preflight.Finding) {
	planned := c.planOf(graphs, status)
	missing := planned.Missing()
	if len(missing) == 0 {
		return planned, nil
	}
	if c.req.KeepEmulators || c.env.Node.Install == nil {
		return planned, cannotRun(planned.Jobs, &preflight.CannotRunError{Node: c.env.Node.Name, Platforms: missing, Tests: planned.LacksForTests()})
	}
	if !clear {
		return planned, nil
	}
	failed := c.install(ctx, planned)
	status, err := c.env.Node.Probe(ctx, slices.Concat(c.targets, runs(graphs))...)
	if err != nil {
		return plan.Plan{}, cannotRun(nil, c.unprobed(err))
	}
	planned = c.planOf(graphs, status)
	if missing := planned.Missing(); len(missing) > 0 {
		return planned, cannotRun(planned.Jobs, &preflight.CannotRunError{Node: c.env.Node.Name, Platforms: missing, Tests: planned.LacksForTests(), Err: failed})
	}
	return planned, nil
}

func cannotRun(jobs []plan.Job, err error) []preflight.Finding {
	return []preflight.Finding{preflight.CannotRun(jobs, err)}
}

// unprobed: the node could not be asked what it runs.
func (c clearing) unprobed(err error) error {
	return fmt.Errorf("cannot find out what node %s runs: %w", c.env.Node.Name, err)
}

// status is what the node's kernel runs, as far as these graphs need to know it.
func (c clearing) status(ctx context.Context, graphs []graph.Graph) (emulation.Status, error) {
	needed := append(runs(graphs), c.req.tested(c.targets)...)
	if !c.env.Node.Foreign(needed...) {
		return emulation.Status{}, nil
	}
	for _, p := range needed {
		if !slices.ContainsFunc(c.targets, func(t platform.Platform) bool { return t.Architecture == p.Architecture }) {
			return c.env.Node.Probe(ctx, needed...) // a stage is pinned to a platform that nobody asked for
		}
	}
	return c.probe()
}

// runs are the platforms that the graphs' programs are for, with repetitions.
func runs(graphs []graph.Graph) []platform.Platform {
	var ps []platform.Platform
	for _, g := range graphs {
		ps = append(ps, g.Runs()...)
	}
	return ps
}

// attrs are a platform's own, for what does not depend on the context.
func (c clearing) attrs(p platform.Platform) map[string]string { return c.req.attrs(p, "") }

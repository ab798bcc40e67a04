package solve

import (
	"context"
	"fmt"
	"slices"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// CannotRunError says that the node cannot run programs of some platforms, and that nothing could be, or was to be, done about it.
type CannotRunError struct {
	Node      string
	Platforms []platform.Platform
	Tests     bool  // only tests need it; else steps of the Dockerfile do
	Err       error // why installing an emulator did not help; nil if it was not tried
}

func (e *CannotRunError) Error() string {
	needs := "the Dockerfile has steps that do"
	if e.Tests {
		needs = "there are tests that do"
	}
	msg := fmt.Sprintf("node %s cannot run programs for %s, and %s", e.Node, formatAll(e.Platforms), needs)
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg
}

func (e *CannotRunError) Unwrap() error { return e.Err }

// clearing is what is needed to decide at the barrier. preflight, probe and reach were started with the build and are waited for here.
type clearing struct {
	req       Request
	env       Env
	targets   []platform.Platform
	preflight func() error
	probe     func() (emulation.Status, error)
	reach     *reach
}

// survey is what is known at the barrier before anything is done.
type survey struct {
	gw     gateway.Client
	graphs []graph.Graph     // by index; zero if there is none
	defs   []*llb.Definition // what they were read from
	// unread: all that there is to say is in the platforms' own errors. Then nothing below is known.
	unread bool
	bases  []base
	lacks  []lack
	found  []Finding
}

// survey looks at the reports, the base images and the registries.
func (c clearing) survey(ctx context.Context, reports []report) survey {
	v := survey{graphs: make([]graph.Graph, len(reports)), defs: make([]*llb.Definition, len(reports)), unread: true}
	for i, r := range reports {
		v.graphs[i], v.defs[i] = r.graph, r.def
		if v.gw == nil {
			v.gw = r.gw
		}
		_, lacks := lackOf(r.err)
		v.unread = v.unread && !lacks && (r.gw == nil || r.err != nil)
	}
	if !v.unread {
		v.bases = configured(ctx, v.gw, bases(c.targets, v.graphs, reports))
		v.lacks = c.lacks(ctx, v.gw, reports, v.bases)
		v.found = c.examine(ctx, v, reports)
	}
	return v
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
	_, inTheWay := c.spare(plan.Plan{}, found)
	if inTheWay != nil {
		c.req.Cross = cross.Choice{} // nothing is looked at for it
	}
	planned, moves, more := c.plan(ctx, v, inTheWay == nil)
	found = append(found, more...)
	errs, err := c.spare(planned, found)
	if err != nil {
		return clearance{err: err, plan: planned}
	}
	for i := range errs {
		if errs[i] != nil {
			graphs[i], moves.graphs[i] = graph.Graph{}, graph.Graph{} // nobody goes by it
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
	for _, n := range append(notes, c.important(planned, moves.graphs)...) {
		c.env.Progress.Note(n)
	}
	isolated, hint := c.isolated(graphs)
	if hint != "" {
		c.env.Progress.Note(hint)
	}
	c.env.Progress.Cleared(planned)
	limits := newLimits(c.req, planned, c.env.Node.CPUs)
	return clearance{
		errs: errs, pins: pins, reread: reread, plan: planned, crossing: moves.crossing, limits: limits, isolate: isolated,
		emulate: c.emulate(moves.stay),
		holding: len(reports) > 1 && c.req.NoCache && plan.RunsShared(moves.graphs, planned.Shared),
	}
}

// examine judges the base images, and waits for the registries.
func (c clearing) examine(ctx context.Context, v survey, reports []report) []Finding {
	found := slices.Concat(c.hostSources(v.graphs), c.missingBases(ctx, v), c.mismatched(ctx, v))
	refusals := refused(c.preflight())
	found = append(found, append(refusals, c.reach.findings(refusals)...)...)
	if slices.ContainsFunc(found, Finding.refuses) {
		found = append(found, c.unreadable(reports)...)
	}
	return found
}

// unreadable are the platforms whose Dockerfiles could not be read for other reasons. By themselves they stop no others; where the
// build is refused they are part of what is in its way.
func (c clearing) unreadable(reports []report) []Finding {
	var found []Finding
	for i, r := range reports {
		if _, lacks := lackOf(r.err); lacks || r.err == nil {
			continue
		}
		k := slices.IndexFunc(found, func(f Finding) bool { return f.Err.Error() == r.err.Error() })
		if k < 0 {
			k, found = len(found), append(found, Finding{Check: "dockerfile", Err: r.err})
		}
		found[k].Platforms = append(found[k].Platforms, c.targets[i])
	}
	return found
}

// plan decides how each platform is made, and what of it is moved from where it would be emulated. Where it helps and is allowed, emulators
// are installed, if nothing else is in the way.
func (c clearing) plan(ctx context.Context, v survey, clear bool) (plan.Plan, moves, []Finding) {
	status, err := c.status(ctx, v.graphs)
	if err != nil {
		return plan.Plan{}, unmoved(v), c.cannot(nil, c.unprobed(err))
	}
	if unknown := cross.UnknownStages(c.req.Cross, v.graphs); len(unknown) > 0 {
		return c.planOf(v.graphs, status), unmoved(v), []Finding{{Check: "cross", Err: &UnknownStageError{Stages: unknown}}}
	}
	m := c.cross(ctx, v, status)
	plan, found := c.emulators(ctx, m.graphs, status, clear)
	plan.Moved = m.moved
	return plan, m, found
}

// emulators plans these graphs, and installs what is missing if the way is clear otherwise.
func (c clearing) emulators(ctx context.Context, graphs []graph.Graph, status emulation.Status, clear bool) (plan.Plan, []Finding) {
	planned := c.planOf(graphs, status)
	missing := planned.Missing()
	if len(missing) == 0 {
		return planned, nil
	}
	if c.req.KeepEmulators || c.env.Node.Install == nil {
		return planned, c.cannot(planned.Jobs, &CannotRunError{Node: c.env.Node.Name, Platforms: missing, Tests: planned.LacksForTests()})
	}
	if !clear {
		return planned, nil
	}
	failed := c.install(ctx, planned)
	status, err := c.env.Node.Probe(ctx, slices.Concat(c.targets, runs(graphs))...)
	if err != nil {
		return plan.Plan{}, c.cannot(nil, c.unprobed(err))
	}
	planned = c.planOf(graphs, status)
	if missing := planned.Missing(); len(missing) > 0 {
		return planned, c.cannot(planned.Jobs, &CannotRunError{Node: c.env.Node.Name, Platforms: missing, Tests: planned.LacksForTests(), Err: failed})
	}
	return planned, nil
}

// unprobed: the node could not be asked what it runs.
func (c clearing) unprobed(err error) error {
	return fmt.Errorf("cannot find out what node %s runs: %w", c.env.Node.Name, err)
}

// cannot is the finding that a node does not run some of the jobs.
func (c clearing) cannot(jobs []plan.Job, err error) []Finding {
	f := Finding{Check: "node", Err: err}
	for _, j := range jobs {
		if j.Mode == plan.Impossible {
			f.Platforms = append(f.Platforms, j.Platform)
		}
	}
	return []Finding{f}
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

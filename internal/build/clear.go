package build

import (
	"context"
	"fmt"
	"slices"
	"strings"

	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
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
	names := make([]string, len(e.Platforms))
	for i, p := range e.Platforms {
		names[i] = platform.Format(p)
	}
	needs := "the Dockerfile has steps that do"
	if e.Tests {
		needs = "there are tests that do, outside of BuildKit"
	}
	msg := fmt.Sprintf("node %s cannot run programs for %s, and %s", e.Node, strings.Join(names, ", "), needs)
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg
}

func (e *CannotRunError) Unwrap() error { return e.Err }

// PreflightError says that a registry would not take the result; nothing had been built.
type PreflightError struct{ Err error }

func (e *PreflightError) Error() string { return e.Err.Error() }
func (e *PreflightError) Unwrap() error { return e.Err }

// clearing is what is needed to decide at the barrier. preflight and probe were started with the build and are waited for here.
type clearing struct {
	req       Request
	env       Env
	targets   []platform.Platform
	preflight func() error
	probe     func() (emulation.Status, error)
}

// decide is called once, when all platforms' graphs are known and nothing has been built. Solves that failed already are left out.
func (c clearing) decide(ctx context.Context, reports []report) clearance {
	graphs := make([]graph.Graph, len(reports))
	var gw gateway.Client
	for i, r := range reports {
		graphs[i] = r.graph
		if gw == nil {
			gw = r.gw
		}
	}
	if gw == nil {
		return clearance{err: errUnread}
	}
	if err := c.preflight(); err != nil {
		return clearance{err: &PreflightError{err}}
	}
	plan, err := c.plan(ctx, graphs)
	errs, err := c.spare(plan, err)
	if err != nil {
		return clearance{err: err}
	}
	for i := range errs {
		if errs[i] != nil {
			graphs[i] = graph.Graph{} // nobody goes by it
		}
	}
	pins, reread, notes := pin(ctx, gw, graphs)
	if ctx.Err() != nil {
		return clearance{err: context.Cause(ctx)}
	}
	for _, n := range notes {
		c.env.Progress.Note(n)
	}
	isolated, hint := c.isolated(graphs)
	if hint != "" {
		c.env.Progress.Note(hint)
	}
	c.env.Progress.Cleared(plan)
	limits := newLimits(c.req, plan, c.env.Node.CPUs)
	return clearance{
		errs: errs, pins: pins, reread: reread, plan: plan, limits: limits, isolate: isolated,
		holding: len(reports) > 1 && c.req.NoCache && runsShared(graphs, plan.Shared),
	}
}

// plan decides how each platform is made, installing emulators where that helps and is allowed. With a [CannotRunError] it is the plan
// in which those jobs are impossible.
func (c clearing) plan(ctx context.Context, graphs []graph.Graph) (Plan, error) {
	status, err := c.status(ctx, graphs)
	if err != nil {
		return Plan{}, fmt.Errorf("cannot find out what node %s runs: %w", c.env.Node.Name, err)
	}
	plan := c.planOf(graphs, status)
	missing := plan.Missing()
	if len(missing) == 0 {
		return plan, nil
	}
	if c.req.KeepEmulators || c.env.Node.Install == nil {
		return plan, &CannotRunError{Node: c.env.Node.Name, Platforms: missing, Tests: plan.lacksForTests()}
	}
	failed := c.install(ctx, plan)
	if status, err = c.env.Node.Probe(ctx, slices.Concat(c.targets, runs(graphs))...); err != nil {
		return Plan{}, fmt.Errorf("cannot find out what node %s runs: %w", c.env.Node.Name, err)
	}
	plan = c.planOf(graphs, status)
	if missing := plan.Missing(); len(missing) > 0 {
		return plan, &CannotRunError{Node: c.env.Node.Name, Platforms: missing, Tests: plan.lacksForTests(), Err: failed}
	}
	return plan, nil
}

// status is what the node's kernel runs, as far as these graphs need to know it.
func (c clearing) status(ctx context.Context, graphs []graph.Graph) (emulation.Status, error) {
	needed := append(runs(graphs), c.req.tested(c.targets)...)
	if !c.env.Node.foreign(needed) {
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

package solve

import (
	"context"
	"fmt"
	"slices"
	"sync"

	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/hints"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Outlook is what a build would do, and what would be in its way.
type Outlook struct {
	Plan plan.Plan
	// Unread are platforms whose Dockerfile could not be read: what the plan says of them is nothing.
	Unread []platform.Platform
	// Installs are the platforms that an emulator would be installed for.
	Installs []platform.Platform
	// Findings are what the preflight of the build finds.
	Findings []preflight.Finding
	Steps    []PlannedStep
	Stages   []PlannedStage
	Bases    []PlannedBase
	Hints    []hints.Hint
	Lint     []LintWarning
}

// Refused tells whether the build would not begin. With optional platforms (AllowPartial) it may begin with findings.
func (o Outlook) Refused(req Request) bool {
	var targets []platform.Platform
	for _, j := range o.Plan.Jobs {
		targets = append(targets, j.Platform)
	}
	_, err := preflight.Judge(o.Findings, targets, req.AllowPartial, o.Plan.Jobs)
	return err != nil
}

// Look does what [Run] does up to the moment in which something would be done: the Dockerfile is read for each platform, base images
// and registries are looked at, and the node is asked what it runs. Then it ends: no step runs, nothing of the context is sent,
// nothing is exported and nothing installed. A Dockerfile that cannot be read is a [FailedError].
func Look(ctx context.Context, req Request, env Env, preflight func(context.Context) error) (Outlook, error) {
	targets := req.targets(env.Node)
	looking, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	v := &look{barrier: newBarrier(len(targets)), lint: &linting{}}
	env.Progress = heardProgress{env.Progress, v.lint}
	run, stop, err := openRun(looking, cancel, task{req: req, env: env, targets: targets}, env.Node)
	if err != nil {
		return Outlook{}, err
	}
	defer stop()
	var answered func()
	v.clearing, answered = newClearing(looking, run, preflight)
	defer answered()
	linted := v.lint.start(looking, run)
	reports := make([]PlatformReport, len(targets))
	var reading sync.WaitGroup
	for i, target := range targets {
		reports[i].Platform = target
		reading.Go(func() { reports[i].Err = job{i, target, run}.look(looking, v.seat(i)) })
	}
	v.clear(looking, v.decide)
	reading.Wait()
	linted()
	if err := context.Cause(looking); err != nil {
		return Outlook{}, err
	}
	if v.unread {
		return Outlook{}, failure(reports)
	}
	v.outlook.Lint = v.lint.warnings()
	return v.outlook, nil
}

// look is a clearing that clears nothing.
type look struct {
	clearing
	*barrier
	lint    *linting
	outlook Outlook
	unread  bool
}

// look is a solve that ends at the barrier.
func (j job) look(ctx context.Context, seat *seat) error {
	defer seat.Report(report{})
	_, err := j.solve(ctx, order{}, func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
		j.reach.Start(ctx, gw)
		got, err := j.read(ctx, gw, false, false)
		if err != nil {
			_, err = seat.unread(ctx, gw, err)
			return nil, err
		}
		seat.Report(report{graph: got.graph, base: got.base.Platform, def: got.def, gw: gw})
		if _, err := seat.Await(ctx); err != nil {
			return nil, err
		}
		return gateway.NewResult(), nil
	})
	return err
}

func (l *look) decide(ctx context.Context, reports []report) clearance {
	v := l.survey(ctx, reports)
	if l.unread = v.unread; v.unread {
		return clearance{}
	}
	o := &l.outlook
	o.Findings = v.found
	if !slices.ContainsFunc(v.found, preflight.Finding.Refuses) {
		o.Findings = append(o.Findings, preflight.Unreadable(l.targets, v.errs)...)
	}
	for i, r := range reports {
		if r.err != nil || r.gw == nil {
			o.Unread = append(o.Unread, l.targets[i])
		}
	}
	plan, m, more := l.plan(ctx, v, false)
	isolated, _ := l.req.Cache.Mounts.Isolated(l.targets, v.graphs, l.attrs)
	v.graphs = m.graphs
	o.Plan, o.Findings = plan, append(o.Findings, more...)
	if len(more) == 0 {
		l.missing(o)
	}
	o.Steps = plannedSteps(plan, l.targets, v.graphs, o.Installs)
	o.Stages = plannedStages(plan, l.targets)
	o.Bases = plannedBases(ctx, v)
	o.Hints = hints.Of(l.hintsFor(plan, v.graphs, isolated || l.req.Cache.Mounts == buildcache.IsolatedMounts,
		func(paths []string) int64 { return l.req.Source.CopySize(ctx, paths, hints.BigCopy) }))
	o.Hints = append(betterThan(o.Hints, plan, m.stay), trusting(plan, l.targets)...)
	return clearance{}
}

// missing sorts what the node does not run: what an emulator can be installed for, and what it cannot be.
func (l *look) missing(o *Outlook) {
	var never []platform.Platform
	for _, p := range o.Plan.Missing() {
		if p.Architecture == l.env.Node.Native().Architecture {
			never = append(never, p)
		} else {
			o.Installs = append(o.Installs, p)
		}
	}
	if len(never) > 0 {
		o.Findings = append(o.Findings, cannotRun(o.Plan.Jobs, &preflight.CannotRunError{Node: l.env.Node.Name, Platforms: never})...)
	}
}

// hintsFor is what hints are looked for in. size may be nil: it walks the context.
func (c clearing) hintsFor(planned plan.Plan, graphs []graph.Graph, isolated bool, size func([]string) int64) hints.Build {
	build := hints.Build{Isolated: isolated, Args: c.req.BuildArgs, Size: size}
	if len(planned.Jobs) < len(graphs) {
		return hints.Build{}
	}
	for i, g := range graphs {
		p := hints.Platform{Platform: c.targets[i], Graph: g, Target: c.req.target(c.targets[i])}
		for d, program := range planned.Programs {
			if program.Emulated || planned.Jobs[i].Mode == plan.Impossible && !c.env.Node.RunsUnasked(program.Platform) {
				if p.Emulated == nil {
					p.Emulated = hints.Steps{}
				}
				p.Emulated[d] = true
			}
		}
		build.Platforms = append(build.Platforms, p)
	}
	return build
}

// importantRules are those of hints that a build says before it begins: what makes images that do not work, or that is not what is written. The
// others are for who asks.
var importantRules = []string{"arg-default", "final-stage-pinned", "platform-of-stage", "compiled-once"}

// important are the hints of those rules.
func (c clearing) important(plan plan.Plan, graphs []graph.Graph) (lines []string) {
	if len(c.targets) < 2 {
		return nil
	}
	for _, h := range hints.Of(c.hintsFor(plan, graphs, true, nil)) {
		if slices.Contains(importantRules, h.Rule) {
			lines = append(lines, fmt.Sprintf("warning: %s:%d: %s (%s)", h.File, h.Line, h.Message, h.Fix))
		}
	}
	return lines
}

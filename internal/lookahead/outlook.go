// Package lookahead predicts how a build would run and which problems would refuse it, for "docker multiarch plan". It changes nothing.
package lookahead

import (
	"context"
	"slices"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/hints"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Outlook is the prediction of a build and of its problems.
type Outlook struct {
	Plan plan.Plan
	// Unread are the platforms whose Dockerfile could not be read: the plan has no information about them.
	Unread []platform.Platform
	// Installs are the platforms for which an emulator would be installed.
	Installs []platform.Platform
	// Findings are the findings of the build's preflight.
	Findings []diag.Diagnostic
	Steps    []Step
	Stages   []Stage
	Bases    []Base
	Hints    []diag.Diagnostic
	Lint     []diag.Diagnostic
}

// Refused reports whether the build would not begin. With optional platforms (AllowPartial) it may begin with findings.
func (o Outlook) Refused(req solve.Request) bool {
	var targets []platform.Platform
	for _, j := range o.Plan.Jobs {
		targets = append(targets, j.Platform)
	}
	_, err := preflight.Judge(o.Findings, targets, req.AllowPartial, o.Plan.Jobs)
	return err != nil
}

// Look predicts a build. Its errors are those of [solve.Look].
func Look(ctx context.Context, req solve.Request, env solve.Env, preflight func(context.Context) error) (o Outlook, err error) {
	lint := &linting{}
	env.Progress = lintProgress{env.Progress, lint}
	err = solve.Look(ctx, req, env, preflight, solve.Viewer{
		See: func(ctx context.Context, p solve.Prospect) { o = outlook(ctx, req, p) },
		Beside: func(ctx context.Context, targets []platform.Platform, ask solve.Asker) {
			lint.askAll(ctx, req.Source, targets, ask)
		},
	})
	if err != nil {
		return Outlook{}, err
	}
	o.Lint = lint.warnings()
	return o, nil
}

func outlook(ctx context.Context, req solve.Request, p solve.Prospect) Outlook {
	o := Outlook{Plan: p.Plan, Unread: p.Unread, Findings: p.Findings}
	if !p.Incomplete {
		o.missing(p)
	}
	o.Steps = plannedSteps(p, o.Installs)
	o.Stages = plannedStages(p)
	o.Bases = plannedBases(ctx, p)
	build := p.Hints
	build.Size = func(paths []string) int64 { return req.Source.CopySize(ctx, paths, hints.BigCopy) }
	o.Hints = append(dropExplained(hints.Of(build), p), trusting(p)...)
	return o
}

// missing sorts the missing platforms into those for which an emulator can be installed and the others.
func (o *Outlook) missing(p solve.Prospect) {
	var node string
	var never []platform.Platform
	for i, j := range p.Plan.Jobs {
		for _, m := range j.Missing {
			if m.Architecture == p.At(i).Native.Architecture {
				node, never = j.Node, append(never, m)
			} else {
				o.Installs = append(o.Installs, m)
			}
		}
	}
	o.Installs = distinct(o.Installs)
	if len(never) > 0 {
		o.Findings = append(o.Findings, preflight.CannotRun(p.Plan.Jobs, &preflight.CannotRunError{Node: node, Platforms: distinct(never)}))
	}
}

// distinct returns the list in canonical order, each platform once.
func distinct(ps []platform.Platform) []platform.Platform {
	slices.SortFunc(ps, platform.Compare)
	return slices.CompactFunc(ps, platform.Equal)
}

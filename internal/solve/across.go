package solve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Crossing is what became of a platform's steps that need not run under an emulator.
type Crossing struct {
	// Steps that ran on the node's own platform, in order.
	Steps []CrossStep
	// Stages that would have been emulated, and what was decided about each.
	Stages []cross.Stage
	// Avoided is how many seconds of emulation the steps have saved, as far as earlier builds tell; 0 if they do not.
	Avoided float64
	// Back says why the platform was built again without any of it; "" if it was not.
	Back string
}

// CrossStep is a step that ran on the node's own platform instead of under an emulator.
type CrossStep struct {
	Recipe, Stage string
	// Text is the instruction, as in the Dockerfile.
	Text string
	File string
	Line int
	// Seconds that it ran; 0 if its result was in the cache.
	Seconds float64
}

// across makes of what was read what will be solved: steps that can run on the node's own platform are moved there.
func (s *solve) across(ctx context.Context, gw gateway.Client, cleared clearance, got reading) (reading, error) {
	x := cleared.crossing
	s.moved = cross.Moved{}
	if x == nil || s.back != "" || got.def == nil {
		return got, nil
	}
	a, err := x.move(s.index, got.def, got.graph, s.isolated)
	if err == nil && a.moved.Definition == nil {
		if cleared.plan.Moved[s.index].Definition == nil {
			return got, nil
		}
		err = errors.New("the base images are not those that were looked at")
	}
	if err == nil {
		var over reading
		if over, err = s.rewrite(ctx, gw, x, got, a); err == nil {
			s.moved, s.stays, s.got = a.moved, got.graph, over
			return over, nil
		}
	}
	if ctx.Err() != nil {
		return got, context.Cause(ctx)
	}
	return got, s.goBack(ctx, err.Error())
}

// rewrite solves what was moved, without running it, and puts it in the place of what the frontend made.
func (s *solve) rewrite(ctx context.Context, gw gateway.Client, x *crossing, got reading, a crossed) (over reading, err error) {
	over = got
	over.def, over.graph = a.moved.Definition, a.graph
	over.result, err = rewritten(ctx, gw, got.result, func(def *llb.Definition) (*llb.Definition, error) {
		if slices.EqualFunc(def.Def, got.def.Def, bytes.Equal) {
			return a.moved.Definition, nil
		}
		g, err := graph.Read(def)
		if err != nil {
			return nil, err
		}
		return cross.Alike(x.build(s.index, got.def, got.graph, s.isolated), x.build(s.index, def, g, s.isolated))
	})
	return over, err
}

// goBack gives up what was moved, for good. The node is made to run the platform, if it does not yet.
func (s *solve) goBack(ctx context.Context, why string) error {
	s.back = why
	s.env.Progress.Note(fmt.Sprintf("%s: %s; this platform is built again under emulation", platform.Format(s.platform), why))
	job, err := s.passed.emulate(ctx, s.index)
	if err == nil {
		s.moved, s.job = cross.Moved{}, &job
	}
	return err
}

// way is how the platform is made.
func (s *solve) way() plan.Job {
	if s.job != nil {
		return *s.job
	}
	return s.passed.plan.Jobs[s.index]
}

// crossed is for the report.
func (s *solve) crossed() Crossing {
	c := Crossing{Back: s.back}
	if s.passed != nil && len(s.passed.plan.Moved) > 0 {
		c.Stages = s.passed.plan.Moved[s.index].Stages
	}
	steps := s.got.graph.ByDigest()
	for _, m := range s.moved.Steps {
		step := steps[m.Digest]
		if step.Kind != graph.Exec {
			continue
		}
		c.Steps = append(c.Steps, CrossStep{
			Recipe: m.Recipe, Stage: step.Stage, Text: instruction(step.Name), File: step.File, Line: step.Line,
			Seconds: s.clock.seconds(m.Digest),
		})
	}
	c.Avoided = s.avoided()
	return c
}

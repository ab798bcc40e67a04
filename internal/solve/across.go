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

// relocation is what will be solved: a reading, of which steps may have been moved to the node's own platform.
type relocation struct {
	got      reading
	stays    graph.Graph // as the frontend wrote it, before steps were moved
	moved    cross.Moved // what of it runs on the node's own platform
	fallback fallback
}

// fallback is why a platform is built under emulation although steps of it could be moved. The zero value: it is not.
type fallback struct {
	why string
	job *plan.Job // how the platform is made instead; nil if it could not be found out
}

// relocate moves steps that can run on the node's own platform there, unless the job has fallen back. It falls back itself where what was
// planned cannot be moved.
func (j job) relocate(ctx context.Context, gw gateway.Client, cleared clearance, r relocation, isolated bool) (relocation, error) {
	x, got := cleared.crossing, r.got
	if x == nil || r.fallback.why != "" || got.def == nil {
		return r, nil
	}
	a, err := x.move(j.index, got.def, got.graph, isolated)
	if err == nil && a.moved.Definition == nil {
		if cleared.plan.Moved[j.index].Definition == nil {
			return r, nil
		}
		err = errors.New("the base images are not those that were looked at")
	}
	if err == nil {
		var over reading
		if over, err = j.rewrite(ctx, gw, x, got, a, isolated); err == nil {
			return relocation{got: over, stays: got.graph, moved: a.moved}, nil
		}
	}
	if ctx.Err() != nil {
		return r, context.Cause(ctx)
	}
	r.fallback, err = j.fallBack(ctx, cleared, err.Error())
	return r, err
}

// rewrite solves what was moved, without running it, and puts it in the place of what the frontend made.
func (j job) rewrite(ctx context.Context, gw gateway.Client, x *crossing, got reading, a crossed, isolated bool) (over reading, err error) {
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
		return cross.Alike(x.build(j.index, got.def, got.graph, isolated), x.build(j.index, def, g, isolated))
	})
	return over, err
}

// fallBack gives up what was moved, for good. The node is made to run the platform, if it does not yet.
func (j job) fallBack(ctx context.Context, cleared clearance, why string) (fallback, error) {
	j.env.Progress.Note(fmt.Sprintf("%s: %s; this platform is built again under emulation", platform.Format(j.target), why))
	job, err := cleared.emulate(ctx, j.index)
	if err != nil {
		return fallback{why: why}, err
	}
	return fallback{why, &job}, nil
}

// crossed is for the report.
func (j job) crossed(o outcome, c *clock) Crossing {
	x := Crossing{Back: o.fallback.why}
	if o.cleared != nil && len(o.cleared.plan.Moved) > 0 {
		x.Stages = o.cleared.plan.Moved[j.index].Stages
	}
	steps := o.got.graph.ByDigest()
	for _, m := range o.moved.Steps {
		step := steps[m.Digest]
		if step.Kind != graph.Exec {
			continue
		}
		x.Steps = append(x.Steps, CrossStep{
			Recipe: m.Recipe, Stage: step.Stage, Text: step.Instruction(), File: step.File, Line: step.Line,
			Seconds: c.seconds(m.Digest),
		})
	}
	x.Avoided = j.avoided(o.relocation, c)
	return x
}

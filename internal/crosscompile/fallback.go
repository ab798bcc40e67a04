package crosscompile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/internal/vertexlog"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Fallback is why a platform with relocated steps must be built again as its frontend wrote it. The zero value means no reason.
type Fallback struct {
	Why  string
	Step graph.Step // the failed step as it was solved; zero if none has failed
	err  string     // of Step
}

// Failed is a failed build of a platform.
type Failed struct {
	Relocated cross.Relocated
	Err       error
	Log       *vertexlog.Log
	Natives   *Natives
	Native    []int // the platforms that run natively, for Natives
}

// Fallback reports whether and why a relocated step has failed, or may have failed, because it was relocated, or has a wrong output. It
// returns zero for every other failure: a build from the same bytes fails again. If a solve for the node's own platform may soon show the
// same failure, Fallback waits for it, as long as the step took to fail and at least a second.
func (f Failed) Fallback(ctx context.Context) Fallback {
	if f.Relocated.Definition == nil {
		return Fallback{}
	}
	if wrong, ok := errors.AsType[*WrongOutputError](f.Err); ok {
		return Fallback{Why: wrong.Error()}
	}
	depends := dependents(f.Relocated)
	if refused, ok := errors.AsType[*gate.RefusedError](f.Err); ok {
		ours := func(found diag.Diagnostic) bool {
			return found.Line == 0 || slices.ContainsFunc(f.Relocated.Graph.Steps, func(s graph.Step) bool { return depends[s.Digest] && s.Line == found.Line })
		}
		if slices.ContainsFunc(refused.Findings, ours) {
			return Fallback{Why: "the check of the executables failed: " + refused.Error()}
		}
		return Fallback{}
	}
	step, failed := f.step()
	if !failed || !depends[step.Digest] || f.dueToInput(step, depends) || f.failsNatively(ctx, step) {
		return Fallback{}
	}
	why := fmt.Sprintf("%q failed after steps were relocated to %s", step.Instruction(), platform.Format(f.Relocated.From.Native))
	return Fallback{why, step, f.Log.Failure(step.Digest).Err}
}

// step returns the first step that has failed.
func (f Failed) step() (graph.Step, bool) {
	for _, step := range f.Relocated.Graph.Steps { // inputs come first
		if f.Log.Failure(step.Digest).Err != "" {
			return step, true
		}
	}
	return graph.Step{}, false
}

// dueToInput reports whether a step's failure is certainly due to its input, on any platform: it copies a file of the context, or of an image,
// that does not exist; or the compiler has named the line of a source, in a step of which everything is known.
func (f Failed) dueToInput(step graph.Step, depends map[digest.Digest]bool) bool {
	switch step.Kind {
	case graph.File, graph.Merge:
		return !slices.ContainsFunc(step.Inputs, func(in digest.Digest) bool { return in != step.Root && depends[in] })
	case graph.Exec:
		return slices.ContainsFunc(f.Relocated.Steps, func(m cross.Step) bool {
			by, _ := recipe.Find(m.Recipe)
			return m.Digest == step.Digest && !f.Relocated.From.Choice.Names(m.Recipe) && by.Diagnoses(f.Log.Output(step.Digest))
		})
	default:
		return false
	}
}

// minWait is the shortest wait for a native platform's result before a platform's second build, which takes many times longer.
const minWait = time.Second

// failsNatively reports whether a relocated step fails on the node's own platform, too.
func (f Failed) failsNatively(ctx context.Context, step graph.Step) bool {
	failed := f.Log.Failure(step.Digest)
	ctx, cancel := context.WithTimeout(ctx, max(minWait, failed.Took))
	defer cancel()
	return f.Natives.fails(ctx, f.Native, step, failed.Err)
}

// FailsNatively waits until the failed step has failed in the same way on the node's own platform, which may reach it later, or can no longer
// fail there. It returns false when ctx ends, and if no step has failed.
func (b Fallback) FailsNatively(ctx context.Context, n *Natives, native []int) bool {
	return b.Step.Digest != "" && n.fails(ctx, native, b.Step, b.err)
}

// dependents returns the steps whose failure can be due to relocated steps: those steps, and the ones that copy from them. If the user
// named a recipe, only the user knows that its results are the same, so all steps made from them are included.
func dependents(m cross.Relocated) map[digest.Digest]bool {
	relocated, named := map[digest.Digest]bool{}, false
	for _, s := range m.Steps {
		relocated[s.Digest] = true
		by, _ := recipe.Find(s.Recipe)
		named = named || !by.Auto || m.From.Choice.Names(s.Recipe)
	}
	depends := maps.Clone(relocated)
	for _, step := range m.Graph.Steps { // inputs come first
		from := relocated
		if named {
			from = depends
		}
		takes := slices.ContainsFunc(step.Inputs, func(d digest.Digest) bool { return from[d] })
		depends[step.Digest] = depends[step.Digest] || takes && (named || step.Kind != graph.Exec)
	}
	return depends
}

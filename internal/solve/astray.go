package solve

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// stray is why a platform whose steps were moved is to be built again without that. The zero value is no reason.
type stray struct {
	why  string
	step graph.Step // that has failed, as it was solved; zero if none has
}

// astray tells whether a moved step has failed because it was moved, or may have, or what was made by them is not what it should be. It is zero for
// every other failure: what is made from the same bytes fails again. Where a solve for the node's own platform is about to tell, it
// is waited for, as long as the step took to fail, and a second at least.
func (j job) astray(ctx context.Context, o outcome, c *clock) stray {
	err := o.err
	if err == nil || o.moved.Definition == nil || o.fallback.why != "" {
		return stray{}
	}
	if premise, ok := errors.AsType[*PremiseError](err); ok {
		return stray{why: premise.Error()}
	}
	depends := j.depends(o.relocation)
	if refused, ok := errors.AsType[*gate.RefusedError](err); ok {
		ours := func(f gate.Finding) bool {
			return f.Line == 0 || slices.ContainsFunc(o.got.graph.Steps, func(step graph.Step) bool { return depends[step.Digest] && step.Line == f.Line })
		}
		if slices.ContainsFunc(refused.Findings, ours) {
			return stray{why: "the executables are not what they should be: " + refused.Error()}
		}
		return stray{}
	}
	step, failed := failedAt(o.got.graph, c)
	if !failed || !depends[step.Digest] || j.authors(o.relocation, c, step, depends) || j.failsNatively(ctx, o.cleared.plan, step, c) {
		return stray{}
	}
	return stray{fmt.Sprintf("%q failed after steps were moved to %s", step.Instruction(), platform.Format(j.node.Native())), step}
}

// failedAt is the first step that has failed.
func failedAt(g graph.Graph, c *clock) (graph.Step, bool) {
	for _, step := range g.Steps { // inputs come first
		if c.hasFailed(step.Digest) {
			return step, true
		}
	}
	return graph.Step{}, false
}

// authors tells whether a step's failure is surely that of what it was given, wherever it runs: it copies a file of the context, or of an
// image, that is not there; or the compiler has named the line of a source, in a step of which all is known.
func (j job) authors(r relocation, c *clock, step graph.Step, depends map[digest.Digest]bool) bool {
	switch step.Kind {
	case graph.File, graph.Merge:
		return !slices.ContainsFunc(step.Inputs, func(in digest.Digest) bool { return in != step.Root && depends[in] })
	case graph.Exec:
		named := slices.ContainsFunc(j.req.Cross.Named, func(n cross.Named) bool { return n.Recipe == "go" })
		return !named && c.diagnosed(step.Digest) &&
			slices.ContainsFunc(r.moved.Steps, func(m cross.Step) bool { return m.Digest == step.Digest && m.Recipe == "go" })
	}
	return false
}

// depends are the steps that fail by what was moved: those that were, and those that copy from them. Where a recipe was named, its results
// are the same only as far as the user knows, so what is made from them belongs to it.
func (j job) depends(r relocation) map[digest.Digest]bool {
	moved, named := map[digest.Digest]bool{}, false
	for _, m := range r.moved.Steps {
		moved[m.Digest] = true
		found, _ := recipe.Find(m.Recipe)
		named = named || !found.Auto || slices.ContainsFunc(j.req.Cross.Named, func(n cross.Named) bool { return n.Recipe == m.Recipe })
	}
	depends := maps.Clone(moved)
	for _, step := range r.got.graph.Steps { // inputs come first
		from := moved
		if named {
			from = depends
		}
		takes := slices.ContainsFunc(step.Inputs, func(d digest.Digest) bool { return from[d] })
		depends[step.Digest] = depends[step.Digest] || takes && (named || step.Kind != graph.Exec)
	}
	return depends
}

// errSameNatively ends the second build of a platform.
var errSameNatively = errors.New("the same step has failed on the builder's own platform")

// untilNativeFails is for the second build of a platform, which went wrong: a failure then is the platform's own. The context ends as soon as
// the step that has failed fails alike on the node's own platform, which may not have come to it before. stop waits until nobody looks.
func (j job) untilNativeFails(ctx context.Context, o outcome, wrong stray, c *clock) (_ context.Context, stop func()) {
	again, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	if wrong.step.Digest != "" {
		failed, plan := c.failure(wrong.step.Digest), o.cleared.plan
		watching.Go(func() {
			if j.natives.failed(again, plan, wrong.step, failed.err) {
				cancel(errSameNatively)
			}
		})
	}
	return again, func() {
		cancel(nil)
		watching.Wait()
	}
}

// noteSameNatively says that a platform is not built again.
func (j job) noteSameNatively(wrong stray) {
	j.env.Progress.Note(fmt.Sprintf("%s: %q has failed on %s as well, so this platform is not built again",
		platform.Format(j.target), wrong.step.Instruction(), platform.Format(j.node.Native())))
}

package solve

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

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
func (s *solve) astray(ctx context.Context, err error) stray {
	if err == nil || s.moved.Definition == nil || s.back != "" {
		return stray{}
	}
	if premise, ok := errors.AsType[*PremiseError](err); ok {
		return stray{why: premise.Error()}
	}
	depends := s.depends()
	if refused, ok := errors.AsType[*gate.RefusedError](err); ok {
		ours := func(f gate.Finding) bool {
			return f.Line == 0 || slices.ContainsFunc(s.got.graph.Steps, func(step graph.Step) bool { return depends[step.Digest] && step.Line == f.Line })
		}
		if slices.ContainsFunc(refused.Findings, ours) {
			return stray{why: "the executables are not what they should be: " + refused.Error()}
		}
		return stray{}
	}
	step, failed := s.failedAt()
	if !failed || !depends[step.Digest] || s.authors(step, depends) || s.failsNatively(ctx, step) {
		return stray{}
	}
	return stray{fmt.Sprintf("%q failed after steps were moved to %s", instruction(step.Name), platform.Format(s.env.Node.Native())), step}
}

// failedAt is the first step that has failed.
func (s *solve) failedAt() (graph.Step, bool) {
	for _, step := range s.got.graph.Steps { // inputs come first
		if s.clock.hasFailed(step.Digest) {
			return step, true
		}
	}
	return graph.Step{}, false
}

// authors tells whether a step's failure is surely that of what it was given, wherever it runs: it copies a file of the context, or of an
// image, that is not there; or the compiler has named the line of a source, in a step of which all is known.
func (s *solve) authors(step graph.Step, depends map[digest.Digest]bool) bool {
	switch step.Kind {
	case graph.File, graph.Merge:
		return !slices.ContainsFunc(step.Inputs, func(in digest.Digest) bool { return in != step.Root && depends[in] })
	case graph.Exec:
		named := slices.ContainsFunc(s.req.Cross.Named, func(n cross.Named) bool { return n.Recipe == "go" })
		return !named && s.clock.diagnosed(step.Digest) &&
			slices.ContainsFunc(s.moved.Steps, func(m cross.Step) bool { return m.Digest == step.Digest && m.Recipe == "go" })
	}
	return false
}

// depends are the steps that fail by what was moved: those that were, and those that copy from them. Where a recipe was named, its results
// are the same only as far as the user knows, so what is made from them belongs to it.
func (s *solve) depends() map[digest.Digest]bool {
	moved, named := map[digest.Digest]bool{}, false
	for _, m := range s.moved.Steps {
		moved[m.Digest] = true
		r, _ := recipe.Find(m.Recipe)
		named = named || !r.Auto || slices.ContainsFunc(s.req.Cross.Named, func(n cross.Named) bool { return n.Recipe == m.Recipe })
	}
	depends := maps.Clone(moved)
	for _, step := range s.got.graph.Steps { // inputs come first
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

// anew makes a platform again, emulated, after it went wrong. A failure then is the platform's own. It ends as soon as the step that has
// failed fails alike on the node's own platform, which may not have come to it before.
func (s *solve) anew(ctx context.Context, r solved, wrong stray, tell func(report), left func()) solved {
	if s.keeper != nil {
		s.keeper.drop(s.index)
	}
	again, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if wrong.step.Digest != "" {
		failed := s.clock.failure(wrong.step.Digest)
		go func() {
			if s.natives.failed(again, s.passed.plan, wrong.step, failed.err) {
				stop(errSameNatively)
			}
		}()
	}
	next := s.emulated(again, r, wrong.why, tell, left)
	if errors.Is(context.Cause(again), errSameNatively) && next.err != nil {
		s.env.Progress.Note(fmt.Sprintf("%s: %q has failed on %s as well, so this platform is not built again",
			platform.Format(s.platform), instruction(wrong.step.Name), platform.Format(s.env.Node.Native())))
		s.back, s.job = "", nil
		next.err, next.symptoms = r.err, r.symptoms
	}
	return next
}

// emulated is the second build.
func (s *solve) emulated(ctx context.Context, r solved, why string, tell func(report), left func()) solved {
	if err := s.goBack(ctx, why); err != nil {
		r.err = fmt.Errorf("%w (it was to be built again under emulation: %w)", r.err, err)
		return r
	}
	if !s.recover(ctx) {
		return r
	}
	next := s.made(ctx, tell, left)
	next.retries, next.seconds = next.retries+r.retries, next.seconds+r.seconds
	return next
}

package solve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	spb "github.com/moby/buildkit/sourcepolicy/pb"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// tries are the attempts at a platform, the last of which counts. What was finished in an earlier one is in the cache.
func (s *solve) tries(ctx context.Context, tell func(report), left func()) solved {
	r := s.attempt(ctx, tell, left)
	for r.err != nil && ctx.Err() == nil {
		if s.keeper != nil {
			s.keeper.drop(s.index)
		}
		limit := s.limit(r)
		if r.retries >= limit || !s.files.Again(s.index) {
			break
		}
		s.env.Progress.Note(s.retryNote(r, limit))
		if manifest.Sleep(ctx, s.req.RetryPause) != nil || !s.recover(ctx) {
			break
		}
		next := s.attempt(ctx, tell, left)
		next.retries, next.seconds = r.retries+1, r.seconds+next.seconds
		r = next
	}
	return r
}

// attempt is a solve, or two where the Dockerfile must be read again, and what was exported.
func (s *solve) attempt(ctx context.Context, tell func(report), left func()) (r solved) {
	s.started = time.Now()
	documents := index.NewDocuments()
	var resp *client.SolveResponse
	if s.again == nil {
		resp, r.symptoms, r.err = s.build(ctx, pins{}, documents, func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
			return s.frontend(ctx, gw, tell, left)
		})
	}
	if s.again != nil && ctx.Err() == nil {
		resp, r.symptoms, r.err = s.build(ctx, s.again.pins, documents, func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
			return s.underPins(ctx, gw, left)
		})
	}
	if r.err == nil {
		r.child, r.err = s.collect(ctx, resp, documents)
		r.child.Says = s.got.says
	}
	if r.err != nil {
		r.err = s.own(r.err)
	}
	r.seconds, r.def = time.Since(s.started).Seconds(), s.got.def
	return r
}

// own finds our own error in what BuildKit makes of it: text.
func (s *solve) own(err error) error {
	switch {
	case s.refused != nil:
		return s.refused
	case strings.Contains(err.Error(), sink.ErrNotExported.Error()):
		return sink.ErrNotExported
	}
	return s.files.Explain(s.req.scanned(err))
}

// limit is how often the platform is tried again if it has failed so.
func (s *solve) limit(r solved) int {
	err := s.explained(r)
	if step, ok := errors.AsType[*StepError](err); ok {
		if step.Crashed {
			return max(1, s.req.Retry)
		}
		return 0
	}
	if !mendable(err, s.passed != nil) {
		return 0
	}
	return s.req.Retry
}

// explained is the error with its kind, as far as the plan is known that it takes for that.
func (s *solve) explained(r solved) error {
	if s.passed == nil {
		return r.err
	}
	return r.symptoms.explained(s.way(), r.err)
}

func (s *solve) retryNote(r solved, limit int) string {
	why := "it failed"
	if step, ok := errors.AsType[*StepError](s.explained(r)); ok && step.Crashed {
		why = "the emulator crashed"
	}
	return fmt.Sprintf("%s: %s; trying again (%d of %d): %v", platform.Format(s.platform), why, r.retries+1, limit, r.err)
}

// recover makes the next attempt possible: nobody remembers the failure, and what the platform is made from is what it
// was. It is false if the build has ended meanwhile.
func (s *solve) recover(ctx context.Context) bool {
	s.refused = nil
	if s.keeper != nil && s.keeper.renew(ctx) != nil {
		return false
	}
	if s.again == nil && s.passed != nil {
		under := *s.passed
		under.pins = under.pins.alsoOf(s.got.graph)
		s.again = &under
	}
	return true
}

// alsoOf are the pins with those that hold a graph's images to what they were: at the barrier there was no need for them where all
// platforms agreed.
func (p pins) alsoOf(g graph.Graph) pins {
	var rules []*spb.Rule
	if p.policy != nil {
		rules = slices.Clone(p.policy.Rules)
	}
	for _, img := range g.Images() {
		name := "docker-image://" + img.Name
		known := slices.ContainsFunc(rules, func(r *spb.Rule) bool { return r.Selector.Identifier == name })
		if img.Digest != "" && !known {
			rules = append(rules, convert(name, fmt.Sprintf("%s@%s", name, img.Digest), nil))
		}
	}
	if len(rules) == 0 {
		return p
	}
	return pins{&spb.Policy{Version: 1, Rules: rules}}
}

package buildcache

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	spb "github.com/moby/buildkit/sourcepolicy/pb"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// solves is a node that counts its solves and those that have not ended, and records the definitions that they were asked for.
type solves struct {
	gateway.Client
	begun, open, asked atomic.Int32
	fails              error
	requests           chan gateway.SolveRequest // gets them; nil: they are not kept
}

func (s *solves) node() Node {
	return Node{
		Options: func(*spb.Policy) (client.SolveOpt, error) { return client.SolveOpt{}, s.fails },
		Solve: func(ctx context.Context, _ client.SolveOpt, fn gateway.BuildFunc, _ func(*client.SolveStatus)) (*client.SolveResponse, error) {
			s.begun.Add(1)
			s.open.Add(1)
			defer s.open.Add(-1)
			_, err := fn(ctx, s)
			return &client.SolveResponse{}, err
		},
		Show: func(*client.SolveStatus) {}, Note: func(diag.Diagnostic) {},
	}
}

func (s *solves) Solve(_ context.Context, req gateway.SolveRequest) (*gateway.Result, error) {
	s.asked.Add(1)
	if s.requests != nil {
		s.requests <- req
	}
	return gateway.NewResult(), nil
}

func (s *solves) want(t *testing.T, when string, begun, open, asked int32) {
	t.Helper()
	if b, o, a := s.begun.Load(), s.open.Load(), s.asked.Load(); b != begun || o != open || a != asked {
		t.Errorf("%s: %d solves, %d open, asked %d times; want %d, %d, %d", when, b, o, a, begun, open, asked)
	}
}

var twoPlatforms = []platform.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}}

func someSteps() Steps {
	return Steps{Definition: &llb.Definition{}, Graph: graph.Graph{Steps: []graph.Step{{Digest: "sha256:1"}}}}
}

func TestOneSolveHoldsAllUntilItIsRenewedOrClosed(t *testing.T) {
	s := &solves{}
	h := OpenHolder(t.Context(), s.node(), Cache{}, twoPlatforms, true)
	s.want(t, "nothing to hold", 0, 0, 0)
	for i := range twoPlatforms {
		if err := h.Hold(t.Context(), i, someSteps()); err != nil {
			t.Fatal(err)
		}
	}
	s.want(t, "held", 1, 1, 2)
	h.Drop(0)
	if err := h.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.want(t, "renewed without what was dropped", 2, 1, 3)
	h.Close()
	s.want(t, "closed", 2, 0, 3)
}

func TestCachesAreImportedBeforeAnythingIsHeld(t *testing.T) {
	s := &solves{requests: make(chan gateway.SolveRequest)}
	from := Entry{Type: "registry", Attrs: map[string]string{"ref": "example.com/cache"}}
	h := OpenHolder(t.Context(), s.node(), Cache{From: []Entry{from}}, twoPlatforms, false)
	imports := func(req gateway.SolveRequest) bool {
		return len(req.CacheImports) == 1 && req.CacheImports[0].Attrs["ref"] == "example.com/cache"
	}
	if first := <-s.requests; !imports(first) {
		t.Errorf("the first request is %+v", first)
	}
	steps := someSteps()
	steps.Policy = &spb.Policy{}
	held := make(chan error)
	go func() { held <- h.Hold(t.Context(), 0, steps) }()
	if next := <-s.requests; !imports(next) || len(next.SourcePolicies) != 1 || next.SourcePolicies[0] != steps.Policy {
		t.Errorf("the steps are requested as %+v", next)
	}
	if err := <-held; err != nil {
		t.Error(err)
	}
	h.Close()
	s.want(t, "closed", 1, 0, 2)
}

func TestAHolderThatHeldNothingEndsWithoutASolve(t *testing.T) {
	s := &solves{}
	h := OpenHolder(t.Context(), s.node(), Cache{}, twoPlatforms, true)
	if err := h.Hold(t.Context(), 0, Steps{}); err != nil {
		t.Error(err)
	}
	h.Close()
	s.want(t, "closed", 0, 0, 0)
}

func TestWithoutCachesNothingIsHeld(t *testing.T) {
	h := OpenHolder(t.Context(), (&solves{}).node(), Cache{}, twoPlatforms, false)
	if h != nil {
		t.Error("there is a holder")
	}
	h.Drop(0)
	if err := errors.Join(h.Hold(t.Context(), 0, someSteps()), h.Renew(t.Context())); err != nil {
		t.Error(err)
	}
	h.Close()
}

func TestAHoldEndsWithItsSolve(t *testing.T) {
	s := &solves{fails: errors.New("no secret")}
	h := OpenHolder(t.Context(), s.node(), Cache{}, twoPlatforms, true)
	defer h.Close()
	if err := h.Hold(t.Context(), 0, someSteps()); !errors.Is(err, s.fails) {
		t.Error(err)
	}
}

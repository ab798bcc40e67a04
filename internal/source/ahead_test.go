package source

import (
	"context"
	"errors"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerui"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
)

// recorder records the steps that it is asked for.
type recorder struct {
	gateway.Client
	opts  gateway.BuildOpts
	steps []digest.Digest
}

func (r *recorder) BuildOpts() gateway.BuildOpts { return r.opts }

func (r *recorder) Inputs(context.Context) (map[string]llb.State, error) { return nil, nil }

func (r *recorder) Solve(_ context.Context, req gateway.SolveRequest) (*gateway.Result, error) {
	def := new(llb.Definition)
	def.FromPB(req.Definition)
	head, err := def.Head()
	if err != nil {
		return nil, err
	}
	r.steps = append(r.steps, head)
	return nil, errors.New("recorded")
}

func TestWhatIsReadAheadIsWhatTheFrontendRequests(t *testing.T) {
	r := &recorder{opts: gateway.BuildOpts{
		Opts: map[string]string{"local-sessionid:context": "id"}, Caps: gatewaypb.Caps.CapSet(gatewaypb.Caps.All()), LLBCaps: pb.Caps.CapSet(pb.Caps.All()),
	}}
	frontend, err := dockerui.NewClient(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := frontend.DockerIgnorePatterns(t.Context()); err == nil {
		t.Fatal("the frontend requested nothing")
	}
	Source{Dirs: map[string]string{ContextName: "."}}.Ahead(t.Context(), r, "id")
	if len(r.steps) != 2 || r.steps[0] != r.steps[1] {
		t.Errorf("the steps are %v", r.steps)
	}
	Source{}.Ahead(t.Context(), r, "id")
	if len(r.steps) != 2 {
		t.Error("a context that is not local was read")
	}
}

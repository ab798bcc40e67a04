package crosscompile

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkittest"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

// lastStep returns the name of the step that makes a reference; "nothing" if it is nil.
func lastStep(t *testing.T, ref gateway.Reference) string {
	t.Helper()
	if ref == nil {
		return "nothing"
	}
	state, err := ref.ToState()
	if err != nil {
		t.Fatal(err)
	}
	def, err := state.Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return lastName(t, def)
}

func lastName(t *testing.T, def *llb.Definition) string {
	t.Helper()
	g, err := graph.Read(def)
	if err != nil || len(g.Steps) == 0 {
		t.Fatalf("no steps: %v", err)
	}
	return g.Steps[len(g.Steps)-1].Name
}

// definition returns a definition with one step of that name.
func definition(t *testing.T, name string) *llb.Definition {
	t.Helper()
	def, err := llb.Image(name, llb.WithCustomName(name)).Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return def
}

func TestEveryReferenceOfAResultIsRewrittenAlike(t *testing.T) {
	b := buildkittest.New(t)
	buildkittest.Call(t, b, func(ctx context.Context, gw gateway.Client) {
		ref := func(name string) gateway.Reference {
			res, err := gw.Solve(ctx, gateway.SolveRequest{Definition: definition(t, name).ToPB()})
			if err != nil {
				t.Fatal(err)
			}
			return res.Ref
		}
		res := gateway.NewResult()
		image := ref("image")
		res.SetRef(image)
		res.AddRef("linux/arm64", image)
		res.AddRef("linux/amd64", ref("native"))
		res.AddRef("linux/s390x", nil)
		res.AddMeta("config", []byte("{}"))
		res.AddAttestation("linux/arm64", gateway.Attestation{Ref: ref("scan"), Path: "/sbom.json"})
		res.AddAttestation("linux/arm64", gateway.Attestation{Path: "/provenance.json"})
		var seen []string
		got, err := rewritten(ctx, gw, res, func(def *llb.Definition) (*llb.Definition, error) {
			name := lastName(t, def)
			if seen = append(seen, name); name == "native" {
				return nil, nil
			}
			return definition(t, "moved/"+name), nil
		})
		if err != nil {
			t.Error(err)
			return
		}
		all := map[string]string{"": lastStep(t, got.Ref)}
		for p, ref := range got.Refs {
			all[p] = lastStep(t, ref)
		}
		for _, a := range got.Attestations["linux/arm64"] {
			all[a.Path] = lastStep(t, a.Ref)
		}
		want := map[string]string{
			"": "moved/image", "linux/arm64": "moved/image", "linux/amd64": "native", "linux/s390x": "nothing",
			"/sbom.json": "moved/scan", "/provenance.json": "nothing",
		}
		if diff := cmp.Diff(want, all); diff != "" {
			t.Error(diff)
		}
		if slices.Sort(seen); !slices.Equal(seen, []string{"image", "native", "scan"}) {
			t.Errorf("asked about %q, want each once", seen)
		}
		got.AddMeta("more", nil)
		if diff := cmp.Diff(map[string][]byte{"config": []byte("{}")}, res.Metadata); diff != "" {
			t.Errorf("the frontend's result was written to:\n%s", diff)
		}
		if string(got.Metadata["config"]) != "{}" || lastStep(t, res.Ref) != "image" {
			t.Errorf("metadata %q; the frontend's own reference is %q", got.Metadata, lastStep(t, res.Ref))
		}
	})
}

func TestAResultThatCannotBeRewrittenIsAnError(t *testing.T) {
	b := buildkittest.New(t)
	buildkittest.Call(t, b, func(ctx context.Context, gw gateway.Client) {
		res, err := gw.Solve(ctx, gateway.SolveRequest{Definition: definition(t, "image").ToPB()})
		if err != nil {
			t.Error(err)
			return
		}
		refused := errors.New("no such definition")
		got, err := rewritten(ctx, gw, res, func(*llb.Definition) (*llb.Definition, error) { return nil, refused })
		if got != nil || !errors.Is(err, refused) {
			t.Errorf("got %v and %v", got, err)
		}
	})
}

package imagecheck

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

func TestLayersAreThoseOfTheBaseOrOfASteps(t *testing.T) {
	layers := []ocispecs.Descriptor{{Digest: "sha256:a"}, {Digest: "sha256:b"}, {Digest: "sha256:c"}}
	config := func(ids ...digest.Digest) ocispecs.Image {
		return ocispecs.Image{RootFS: ocispecs.RootFS{DiffIDs: ids}}
	}
	image := config("1", "2", "3")
	image.History = []ocispecs.History{
		{CreatedBy: "from elsewhere"}, {CreatedBy: "ENV A=b", EmptyLayer: true}, {CreatedBy: "COPY a / # buildkit"}, {CreatedBy: "RUN make # buildkit"},
	}
	g := graph.Graph{Steps: []graph.Step{
		{Digest: "s0", Kind: graph.Source}, {Digest: "s1", Root: "s0", File: "Dockerfile", Line: 2}, {Digest: "s2", Root: "s1", File: "Dockerfile", Line: 3},
	}}
	made := []gate.Layer{
		{Descriptor: layers[0], Base: true, Step: "from elsewhere"},
		{Descriptor: layers[1], Step: "COPY a /", File: "Dockerfile", Line: 2},
		{Descriptor: layers[2], Step: "RUN make", File: "Dockerfile", Line: 3},
	}
	if diff := cmp.Diff(made, gateLayers(layers, image, config("1"), g)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, l := range gateLayers(layers, image, config("9"), g) {
		if l.Base || l.Line != 0 {
			t.Errorf("%+v: whatever has other layers than the base was made by this build, nobody knows where", l)
		}
	}
}

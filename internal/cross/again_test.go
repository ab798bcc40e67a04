package cross

import (
	"errors"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

func TestADefinitionThatIsReadAgainGetsTheSameDecision(t *testing.T) {
	b := build(t, dependencies, "linux/arm64")
	b.Choice = Choice{Auto: true}
	b.Bases, b.Digests = golang(RequiredBases(b)), map[string][]digest.Digest{}
	for _, img := range b.Graph.Images() {
		b.Digests[img.Name] = append(b.Digests[img.Name], img.Digest)
	}
	relocated, err := Relocate(b)
	if err != nil || relocated.Definition == nil {
		t.Fatalf("nothing is moved: %v", err)
	}
	again := build(t, dependencies, "linux/arm64")
	if got, err := relocated.Again(again.Definition, again.Graph, false); err != nil || got.Definition != relocated.Definition {
		t.Errorf("the same bytes are moved in another way: %v", err)
	}
	other := build(t, dependencies+"LABEL a=b\nRUN echo\n", "linux/arm64")
	got, err := relocated.Again(other.Definition, other.Graph, true)
	if err != nil || got.Definition == nil || len(got.Steps) != len(relocated.Steps) || !got.From.Isolated {
		t.Errorf("%v: %d steps are moved, want %d", err, len(got.Steps), len(relocated.Steps))
	}
	relocated.From.Digests = map[string][]digest.Digest{}
	for name := range b.Digests {
		relocated.From.Digests[name] = []digest.Digest{digest.FromString("older")}
	}
	if got, err := relocated.Again(other.Definition, other.Graph, false); !errors.Is(err, errOtherBases) || got.Definition != nil {
		t.Errorf("what was not looked at is moved: %v", err)
	}
}

func TestWhereNothingWasMovedNothingIs(t *testing.T) {
	b := build(t, dependencies, "linux/arm64", func(*dockerfile2llb.ConvertOpt) {})
	got, err := NotRelocated(graph.Graph{}).Again(b.Definition, b.Graph, false)
	if err != nil || got.Definition != nil || len(got.Graph.Steps) != len(b.Graph.Steps) {
		t.Errorf("%v, %d steps", err, len(got.Graph.Steps))
	}
}

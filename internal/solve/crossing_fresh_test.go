package solve

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
)

// taking is a solve whose image takes from the step of a tip, and the digests of the tip, of the step that takes, and of the last one.
func taking(t *testing.T, bases string) (s outputCheck, made, takes, last digest.Digest) {
	t.Helper()
	build := llb.Image("golang").Run(llb.Args([]string{"go", "build"}), llb.WithCustomName("build")).Root()
	image := llb.Image("busybox").File(llb.Copy(build, "/out/app", "/app"), llb.WithCustomName("takes")).
		Run(llb.Args([]string{"/app"}), llb.WithCustomName("last")).Root()
	def, err := image.Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	g, err := graph.Read(def)
	if err != nil {
		t.Fatal(err)
	}
	digests := map[string]digest.Digest{}
	for _, step := range g.Steps {
		digests[step.Name] = step.Digest
	}
	def, err = build.Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tip := cross.Tip{Digest: digests["build"], Definition: def, Leaves: []recipe.Leave{{Path: "/out/app"}}}
	s = outputCheck{bases: bases, witness: newWitness(), relocation: relocation{got: reading{graph: g}, moved: cross.Moved{Tips: []cross.Tip{tip}}}}
	return s, digests["build"], digests["takes"], digests["last"]
}

func ended(d digest.Digest, cached bool) *client.SolveStatus {
	now := time.Now()
	return &client.SolveStatus{Vertexes: []*client.Vertex{{Digest: d, Started: &now, Completed: &now, Cached: cached}}}
}

func TestWhatIsTakenFromACacheIsNotLookedAtAgain(t *testing.T) {
	for name, test := range map[string]struct {
		made, takes bool // it ran
		want        bool
	}{
		"nothing ran":        {false, false, false},
		"the stage ran":      {true, false, true},
		"what takes from it": {false, true, true},
		"both":               {true, true, true},
	} {
		s, made, takes, last := taking(t, "")
		for _, msg := range []*client.SolveStatus{ended(made, !test.made), ended(takes, !test.takes), ended(last, false)} {
			s.witness.see(msg)
		}
		if got := len(s.fresh(t.Context())) > 0; got != test.want {
			t.Errorf("%s: is looked at: %v, want %v", name, got, test.want)
		}
	}
}

func TestAStepThatMustNotBeCachedRan(t *testing.T) {
	s, made, takes, last := taking(t, "")
	for _, msg := range []*client.SolveStatus{ended(uncached(made), false), ended(takes, true), ended(uncached(last), false)} {
		s.witness.see(msg)
	}
	if len(s.fresh(t.Context())) == 0 {
		t.Error("it is not looked at")
	}
}

func TestMessagesOfTheEndAreWaitedFor(t *testing.T) {
	s, made, takes, last := taking(t, "")
	s.witness.see(ended(made, true))
	go func() {
		s.witness.see(ended(takes, true))
		s.witness.see(ended(last, true))
	}()
	if len(s.fresh(t.Context())) > 0 {
		t.Error("what came from a cache is looked at")
	}
}

func TestWhereNothingIsHeardAllIsLookedAt(t *testing.T) {
	s, _, _, _ := taking(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if len(s.fresh(ctx)) == 0 {
		t.Error("it is not looked at")
	}
}

func TestAStageThatBrokeItsPremiseIsLookedAtAgain(t *testing.T) {
	folder := t.TempDir()
	s, _, _, _ := taking(t, folder)
	s.broken().add(s.moved.Tips[0])
	s, made, takes, last := taking(t, folder)
	for _, d := range []digest.Digest{made, takes, last} {
		s.witness.see(ended(d, true))
	}
	if len(s.fresh(t.Context())) == 0 {
		t.Error("it is not looked at, and what was made of it is in the cache")
	}
	other := s.moved.Tips[0]
	state := llb.Image("golang").Run(llb.Args([]string{"go", "build", "-v"})).Root()
	def, err := state.Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if other.Definition = def; s.broken().has(other) || strings.Contains(tipName(other), "/") {
		t.Error("another stage counts as broken")
	}
}

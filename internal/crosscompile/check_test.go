package crosscompile

import (
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/internal/vertexlog"
)

// taking returns a build whose image copies an output of a relocated step, and the digests of that step, of the step that copies, and of
// the last one.
func taking(t *testing.T) (m cross.Relocated, made, takes, last digest.Digest) {
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
	output := cross.Output{Digest: digests["build"], Definition: def, Copied: []recipe.CopiedPath{{Path: "/out/app"}}}
	return cross.Relocated{Graph: g, Outputs: []cross.Output{output}}, digests["build"], digests["takes"], digests["last"]
}

func ended(d digest.Digest, cached bool) *client.SolveStatus {
	now := time.Now()
	return &client.SolveStatus{Vertexes: []*client.Vertex{{Digest: d, Started: &now, Completed: &now, Cached: cached}}}
}

func TestCachedOutputsAreNotCheckedAgain(t *testing.T) {
	for name, test := range map[string]struct {
		made, takes bool // the step ran
		want        bool
	}{
		"nothing ran":        {false, false, false},
		"the stage ran":      {true, false, true},
		"what takes from it": {false, true, true},
		"both":               {true, true, true},
	} {
		m, made, takes, last := taking(t)
		log := &vertexlog.Log{}
		for _, msg := range []*client.SolveStatus{ended(made, !test.made), ended(takes, !test.takes), ended(last, false)} {
			log.Add(msg)
		}
		if got := len(unchecked(m, log, brokenOutputs{})) > 0; got != test.want {
			t.Errorf("%s: is looked at: %v, want %v", name, got, test.want)
		}
	}
}

func TestAStepThatMustNotBeCachedRan(t *testing.T) {
	m, made, takes, last := taking(t)
	log := &vertexlog.Log{}
	for _, msg := range []*client.SolveStatus{ended(vertexlog.Uncached(made), false), ended(takes, true), ended(vertexlog.Uncached(last), false)} {
		log.Add(msg)
	}
	if len(unchecked(m, log, brokenOutputs{})) == 0 {
		t.Error("it is not looked at")
	}
}

func TestWhereNothingIsHeardAllIsLookedAt(t *testing.T) {
	m, _, _, _ := taking(t)
	if len(unchecked(m, &vertexlog.Log{}, brokenOutputs{})) == 0 {
		t.Error("it is not looked at")
	}
}

func TestAStageThatBrokeItsPromiseIsLookedAtAgain(t *testing.T) {
	broken := brokenIn(t.TempDir())
	m, made, takes, last := taking(t)
	broken.add(m.Outputs[0])
	log := &vertexlog.Log{}
	for _, d := range []digest.Digest{made, takes, last} {
		log.Add(ended(d, true))
	}
	if len(unchecked(m, log, broken)) == 0 {
		t.Error("it is not looked at, and what was made of it is in the cache")
	}
	other := m.Outputs[0]
	state := llb.Image("golang").Run(llb.Args([]string{"go", "build", "-v"})).Root()
	def, err := state.Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if other.Definition = def; broken.has(other) || strings.Contains(outputName(other), "/") {
		t.Error("another stage counts as broken")
	}
}

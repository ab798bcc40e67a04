package cross

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

// scanOf is a definition that scans the images that other definitions make.
func scanOf(t *testing.T, defs ...*llb.Definition) Build {
	t.Helper()
	amd64 := llb.Platform(parse(t, "linux/amd64"))
	opts := []llb.RunOption{llb.Args([]string{"/scan"}), llb.WithCustomName("scan")}
	for i, def := range defs {
		op, err := llb.NewDefinitionOp(def.ToPB())
		if err != nil {
			t.Fatal(err)
		}
		opts = append(opts, llb.AddMount("/run/src/"+string(rune('a'+i)), llb.NewState(op), llb.Readonly))
	}
	run := llb.Image("docker.io/library/scanner@"+digest.FromString("scanner").String(), amd64).Run(opts...)
	def, err := run.AddMount("/run/out", llb.Scratch()).Marshal(t.Context(), amd64)
	if err != nil {
		t.Fatal(err)
	}
	return of(t, def, "linux/arm64")
}

func TestScannedDefinitionsAreRelocatedAlike(t *testing.T) {
	b := build(t, service, "linux/arm64")
	relocated, g := tidily(t, b)
	stage := build(t, service, "linux/arm64", func(o *dockerfile2llb.ConvertOpt) { o.Target = "build" })
	other := scanOf(t, b.Definition, stage.Definition)
	m := newRelocator(b)
	def, err := m.alike(tidy(m), other)
	if err != nil || def == nil {
		t.Fatalf("nothing is moved: %v", err)
	}
	scan := sound(t, other, Relocated{Definition: def})
	have := map[digest.Digest]bool{}
	var names []string
	for _, s := range scan.Steps {
		have[s.Digest] = true
		if s.Kind == graph.Exec {
			names = append(names, s.Name)
		}
	}
	want := []string{
		"[linux/amd64 build 4/6] RUN go mod download", "[linux/amd64->arm64 build 6/6] RUN go build -o /out/app .",
		"[linux/arm64 stage-1 2/3] RUN adduser app", "scan",
	}
	slices.Sort(names)
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, s := range g.Steps {
		if !have[s.Digest] {
			t.Errorf("%s is another step than in the image that is scanned", s.Name)
		}
	}
	if len(relocated.Steps) == 0 {
		t.Error("the image has nothing that was moved")
	}
}

func TestADefinitionWithoutRelocatedStepsStays(t *testing.T) {
	b, other := build(t, service, "linux/arm64"), build(t, "FROM golang AS build\nRUN go build -o /other .\nFROM scratch\nCOPY --from=build /other /\n", "linux/arm64")
	m := newRelocator(b)
	if def, err := m.alike(tidy(m), other); def != nil || err != nil {
		t.Errorf("what another build would move is moved: %v, %v", def, err)
	}
	b.Choice = Choice{}
	if def, err := alike(b, b); def != nil || err != nil {
		t.Errorf("off: %v, %v", def, err)
	}
}

package cross

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// named finds the one step whose name ends in text.
func named(t *testing.T, g graph.Graph, text string) graph.Step {
	t.Helper()
	i := slices.IndexFunc(g.Steps, func(s graph.Step) bool { return strings.HasSuffix(s.Name, text) })
	if i < 0 {
		t.Fatalf("no step is named …%s", text)
	}
	return g.Steps[i]
}

const cached = `FROM golang AS build
WORKDIR /src
RUN --mount=type=cache,id=mod,target=/go/pkg/mod --mount=type=bind,source=go.mod,target=go.mod go mod download
COPY --link . .
RUN --mount=type=cache,target=/root/.cache --mount=type=secret,id=token --network=none go build -o /out/app .
FROM alpine
COPY --from=build /out/app /app
`

func TestAMovedStepIsTheOneOfTheBuildersOwnPlatform(t *testing.T) {
	for name, namespaced := range map[string]bool{"cache mounts of all": false, "cache mounts by platform": true} {
		t.Run(name, func(t *testing.T) {
			of := func(target string) Build {
				b := build(t, cached, target, func(o *dockerfile2llb.ConvertOpt) {
					if namespaced {
						o.CacheIDNamespace = platform.Format(parse(t, target))
					}
				})
				b.Isolated = namespaced
				return b
			}
			own := map[digest.Digest]string{}
			for _, s := range of("linux/amd64").Graph.Steps {
				own[s.Digest] = s.Name
			}
			for _, target := range []string{"linux/arm64", "linux/arm/v7", "linux/riscv64"} {
				relocated, g := tidily(t, of(target))
				same := 0
				for _, s := range relocated.Steps {
					step := g.Steps[slices.IndexFunc(g.Steps, func(g graph.Step) bool { return g.Digest == s.Digest })]
					if _, ok := own[s.Digest]; ok == s.Edited {
						t.Errorf("%s: %s is one of linux/amd64: %v", target, step.Name, ok)
					}
					if !s.Edited {
						same++
						if own[s.Digest] != step.Name {
							t.Errorf("%s: %q is %q of linux/amd64", target, step.Name, own[s.Digest])
						}
					}
				}
				if same != 4 {
					t.Errorf("%s: %d steps are those of linux/amd64", target, same)
				}
			}
		})
	}
}

func TestStepsThatStayKeepTheirBytes(t *testing.T) {
	b := build(t, service, "linux/arm64")
	before := slices.Clone(b.Definition.Def)
	relocated, g := tidily(t, b)
	for _, name := range []string{"RUN adduser app", "local://context"} {
		dgst := named(t, b.Graph, name).Digest
		if !slices.ContainsFunc(relocated.Definition.Def, func(dt []byte) bool { return digest.FromBytes(dt) == dgst }) {
			t.Errorf("%s is another step", name)
		}
	}
	if named(t, b.Graph, "/app /app").Digest == named(t, g, "/app /app").Digest {
		t.Error("the step that copies from a moved one is as it was")
	}
	if !slices.EqualFunc(before, b.Definition.Def, bytes.Equal) {
		t.Error("the definition that was given has been written to")
	}
}

func TestRelocationIsDeterministic(t *testing.T) {
	first, _ := tidily(t, build(t, service, "linux/arm64"))
	for range 5 {
		again, _ := tidily(t, build(t, service, "linux/arm64"))
		if !slices.EqualFunc(first.Definition.Def, again.Definition.Def, bytes.Equal) {
			t.Fatal("the same definition became another one")
		}
	}
}

func TestAStepThatIsMovedAndStaysIsThereTwice(t *testing.T) {
	_, g := tidily(t, build(t, "FROM golang AS base\nRUN go mod download\nFROM base AS build\nRUN go build -o /app\nFROM base\nCOPY --from=build /app /app\n", "linux/arm64"))
	var on []string
	for _, s := range g.Steps {
		if s.Kind == graph.Exec {
			on = append(on, s.Name+" on "+platform.Format(s.Platform))
		}
	}
	want := []string{
		"[linux/arm64 base 2/2] RUN go mod download on linux/arm64",
		"[linux/amd64 base 2/2] RUN go mod download on linux/amd64",
		"[linux/amd64->arm64 build 1/1] RUN go build -o /app on linux/amd64",
	}
	if diff := cmp.Diff(want, on); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAMovedStepThatTheAuthorHasOnTheBuilderAsWellIsThereOnce(t *testing.T) {
	b := build(t, "FROM --platform=$BUILDPLATFORM golang AS tool\nCOPY x /x\nRUN go mod download\nFROM golang AS build\nCOPY x /x\nRUN go mod download\nRUN go build -o /app\n"+
		"FROM scratch\nCOPY --from=tool /x /x\nCOPY --from=build /app /app\n", "linux/arm64")
	relocated, g := tidily(t, b)
	if n := len(g.Steps); len(relocated.Steps) != 4 || n != 7 { // three are shared
		t.Errorf("%d steps moved, %d there", len(relocated.Steps), n)
	}
}

func TestMovedStepsStandWhereTheyStood(t *testing.T) {
	b := build(t, service, "linux/arm64")
	relocated, g := tidily(t, b)
	for _, s := range relocated.Steps {
		var was, is graph.Step
		for _, step := range b.Graph.Steps {
			if step.Digest == s.Original {
				was = step
			}
		}
		for _, step := range g.Steps {
			if step.Digest == s.Digest {
				is = step
			}
		}
		if is.Line != was.Line || is.File != was.File || is.Stage != was.Stage {
			t.Errorf("%s: %s:%d in %q, was %s:%d in %q", is.Name, is.File, is.Line, is.Stage, was.File, was.Line, was.Stage)
		}
		from, to := b.Definition.Metadata[s.Original], relocated.Definition.Metadata[s.Digest]
		if diff := cmp.Diff(from.Caps, to.Caps); diff != "" {
			t.Errorf("%s needs other capabilities (-want +got):\n%s", is.Name, diff)
		}
	}
	if diff := cmp.Diff(b.Graph.Texts, g.Texts); diff != "" {
		t.Errorf("the Dockerfile (-want +got):\n%s", diff)
	}
}

func TestRelocatedStepsAreNotRelocatedAgain(t *testing.T) {
	b := build(t, service, "linux/arm64")
	relocated, g := tidily(t, b)
	b.Definition, b.Graph = relocated.Definition, g
	if again, _ := tidily(t, b); again.Definition != nil {
		t.Errorf("%d steps are moved again", len(again.Steps))
	}
}

func TestEditsOfAnEnvironment(t *testing.T) {
	env := []string{"PATH=/bin", "GOOS=x", "A=1", "GOOS=y", "B=2"}
	got := editEnv(env, recipe.Edit{Env: []string{"GOOS=linux", "GOARM=7", "GOARCH=arm"}, Unset: []string{"A", "C"}})
	if diff := cmp.Diff([]string{"PATH=/bin", "GOOS=linux", "B=2", "GOARCH=arm", "GOARM=7"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if env[2] != "A=1" {
		t.Error("the environment that was given has been written to")
	}
}

func TestAnEditMayChangeTheProgram(t *testing.T) {
	b := build(t, service, "linux/arm64")
	m := newRelocator(b)
	relocated, err := m.relocate(func(t *stageOutput, copied []recipe.CopiedPath) *verdict {
		v := tidy(m)(t, copied)
		for d := range v.edits {
			v.edits[d] = recipe.Edit{Args: []string{"/bin/sh", "-c", "go install && mv"}}
		}
		return v
	})
	if err != nil {
		t.Fatal(err)
	}
	s := named(t, sound(t, b, relocated), "RUN go build -o /out/app .")
	if diff := cmp.Diff([]string{"/bin/sh", "-c", "go install && mv"}, s.Args); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if slices.ContainsFunc(s.Env, func(kv string) bool { return strings.HasPrefix(kv, "GOOS=") }) {
		t.Error("the environment has changed as well")
	}
}

func TestNamesOfMovedSteps(t *testing.T) {
	for name, want := range map[string][2]string{
		"[linux/arm/v7 build 2/4] RUN x":     {"[linux/amd64 build 2/4] RUN x", "[linux/amd64->arm/v7 build 2/4] RUN x"},
		"[build  2/14] LINK COPY a [b] /":    {"[linux/amd64 build  2/14] LINK COPY a [b] /", "[linux/amd64->arm/v7 build  2/14] LINK COPY a [b] /"},
		"[2/4] RUN x":                        {"[linux/amd64 2/4] RUN x", "[linux/amd64->arm/v7 2/4] RUN x"},
		"[linux/arm/v7 2/4] RUN x":           {"[linux/amd64 2/4] RUN x", "[linux/amd64->arm/v7 2/4] RUN x"},
		"[internal] setting cache mount … x": {"[internal] setting cache mount … x", "[internal] setting cache mount … x"},
		"RUN [ -f x ] && y":                  {"RUN [ -f x ] && y", "RUN [ -f x ] && y"},
	} {
		for i, edited := range []bool{false, true} {
			if got := nativeName(name, parse(t, "linux/arm/v7"), parse(t, "linux/amd64"), edited); got != want[i] {
				t.Errorf("%q: got %q, want %q", name, got, want[i])
			}
		}
	}
}

func TestDefinitionsThatDoNotComeFromADockerfileStay(t *testing.T) {
	image := llb.Image("golang@"+digest.FromString("x").String(), llb.Platform(parse(t, "linux/arm64")))
	built := image.Run(llb.Shlex("go build -o /app")).Root()
	def, err := llb.Scratch().File(llb.Copy(built, "/app", "/app")).Marshal(t.Context(), llb.Platform(parse(t, "linux/arm64")))
	if err != nil {
		t.Fatal(err)
	}
	relocated, _ := tidily(t, of(t, def, "linux/arm64"))
	if relocated.Definition != nil || len(relocated.Stages) != 1 || relocated.Stages[0].Why.Check != "text" {
		t.Errorf("%+v", relocated.Stages)
	}
}

func TestADefinitionThatIsNotTheGraphsIsAnError(t *testing.T) {
	b := build(t, service, "linux/arm64")
	b.Definition = &llb.Definition{Def: b.Definition.Def[3:], Source: b.Definition.Source}
	m := newRelocator(b)
	if _, err := m.relocate(tidy(m)); err == nil || !strings.Contains(err.Error(), "is not in the build's definition") {
		t.Errorf("got %v", err)
	}
}

func TestNothingIsMovedWhereNothingIsEmulated(t *testing.T) {
	for name, change := range map[string]func(*Build){
		"off":                        func(b *Build) { b.Choice = Choice{} },
		"the builder's own platform": func(b *Build) { b.Target = b.Native },
		"nothing is emulated":        func(b *Build) { b.Emulated = func(platform.Platform) bool { return false } },
		"no definition":              func(b *Build) { b.Definition, b.Graph = nil, graph.Graph{} },
	} {
		b := build(t, service, "linux/arm64")
		change(&b)
		if relocated, err := Relocate(b); err != nil || relocated.Definition != nil || len(relocated.Stages) != 0 {
			t.Errorf("%s: %+v, %v", name, relocated, err)
		}
		if wants := RequiredBases(b); len(wants) != 0 {
			t.Errorf("%s: %v", name, wants)
		}
	}
}

// ends replaces the operation at a definition's end.
func ends(t *testing.T, def *llb.Definition, inputs ...*pb.Input) *llb.Definition {
	t.Helper()
	dt, err := marshal(&pb.Op{Inputs: inputs})
	if err != nil {
		t.Fatal(err)
	}
	return &llb.Definition{Def: append(slices.Clone(def.Def[:len(def.Def)-1]), dt), Metadata: def.Metadata, Source: def.Source}
}

func TestADefinitionWithSeveralResultsStays(t *testing.T) {
	b := build(t, service, "linux/arm64")
	last := b.Graph.Steps[len(b.Graph.Steps)-1].Digest.String()
	b = of(t, ends(t, b.Definition, &pb.Input{Digest: last}, &pb.Input{Digest: b.Graph.Steps[0].Digest.String()}), "linux/arm64")
	if relocated, err := Relocate(b); err != nil || relocated.Definition != nil || len(relocated.Stages) != 0 {
		t.Errorf("%+v, %v", relocated, err)
	}
}

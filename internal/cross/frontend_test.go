// These tests relocate steps of definitions that BuildKit's own Dockerfile frontend makes.

package cross

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/graph/graphtest"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// anyImage is a registry in which every name exists for every platform. Names that begin with "onbuild" have a trigger.
type anyImage struct{}

func (anyImage) ResolveImageConfig(_ context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	img := map[string]any{
		"os": opt.ImageOpt.Platform.OS, "architecture": opt.ImageOpt.Platform.Architecture, "variant": opt.ImageOpt.Platform.Variant,
		"rootfs": ocispecs.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromString("layer")}},
	}
	config := map[string]any{"Env": []string{"PATH=/usr/local/go/bin:/bin"}}
	if strings.Contains(ref, "/onbuild") {
		config["OnBuild"] = []string{"COPY . /src", "RUN go build -o /out/app ."}
	}
	img["config"] = config
	dt, err := json.Marshal(img)
	return ref, digest.FromString("the index of " + ref), dt, err
}

func parse(t testing.TB, text string) platform.Platform {
	t.Helper()
	ps, _, err := platform.Parse(text)
	if err != nil || len(ps) != 1 {
		t.Fatalf("%s: %v, %v", text, ps, err)
	}
	return ps[0]
}

// build returns the frontend's build of a Dockerfile for a platform, on a builder that is linux/amd64 and emulates everything
// else.
func build(t testing.TB, dockerfile, target string, change ...func(*dockerfile2llb.ConvertOpt)) Build {
	t.Helper()
	multi := func(o *dockerfile2llb.ConvertOpt) { o.MultiPlatformRequested = true }
	def := graphtest.Definition(t, dockerfile, parse(t, target), anyImage{}, append([]func(*dockerfile2llb.ConvertOpt){multi}, change...)...)
	return of(t, def, target)
}

func of(t testing.TB, def *llb.Definition, target string) Build {
	t.Helper()
	g, err := graph.Read(def)
	if err != nil {
		t.Fatal(err)
	}
	return Build{
		Definition: def, Graph: g, Target: parse(t, target), Native: parse(t, "linux/amd64"), Choice: Choice{Auto: true},
		Emulated: foreign,
	}
}

func foreign(p platform.Platform) bool { return p.Architecture != "amd64" }

// tidy is a recipe for tests. It takes a chain that compiles and runs only go, apk, mkdir and cp, unless others copy everything
// or something below /etc or /usr from it.
func tidy(m *relocator) judge {
	return func(t *stageOutput, copied []recipe.CopiedPath) *verdict {
		v := &verdict{edits: map[digest.Digest]recipe.Edit{}, refusedBy: "go"}
		for _, s := range t.chain {
			if s.Kind != graph.Exec {
				continue
			}
			switch command := s.Args[len(s.Args)-1]; {
			case strings.HasPrefix(command, "go build"):
				v.edits[s.Digest] = recipe.Edit{Env: []string{"GOOS=" + m.Target.OS, "GOARCH=" + m.Target.Architecture}}
			case !strings.HasPrefix(command, "go ") && !strings.HasPrefix(command, "apk ") && !strings.HasPrefix(command, "mkdir "):
				v.why = recipe.Refusal{Diagnostic: diag.Diagnostic{Check: "command", Message: command, File: s.File, Line: s.Line}}
				return v
			}
		}
		for _, l := range copied {
			if l.Path == "/" || strings.HasPrefix(l.Path, "/etc") || strings.HasPrefix(l.Path, "/usr") {
				v.why = recipe.Refusal{Diagnostic: diag.Diagnostic{Check: "leaves-base", Message: l.Path, Line: l.Line}}
				return v
			}
		}
		if len(v.edits) == 0 {
			v.why, v.refusedBy = recipe.Refusal{Diagnostic: diag.Diagnostic{Check: "no-recipe"}}, ""
			return v
		}
		r, _ := recipe.Find("go")
		v.recipes = []recipe.Recipe{r}
		return v
	}
}

// tidily relocates with the recipe of the tests, and checks the outcome's guarantees.
func tidily(t testing.TB, b Build) (Relocated, graph.Graph) {
	t.Helper()
	if b.off() {
		return Relocated{}, b.Graph
	}
	m := newRelocator(b)
	relocated, err := m.relocate(tidy(m))
	if err != nil {
		t.Fatal(err)
	}
	if relocated.Definition == nil {
		return relocated, b.Graph
	}
	return relocated, sound(t, b, relocated)
}

// sound reads the new definition and checks its invariants.
func sound(t testing.TB, b Build, relocated Relocated) graph.Graph {
	t.Helper()
	g, err := graph.Read(relocated.Definition)
	if err != nil {
		t.Fatal(err)
	}
	if len(relocated.Definition.Def) != len(g.Steps)+1 {
		t.Errorf("the new definition has %d operations, and needs %d", len(relocated.Definition.Def)-1, len(g.Steps))
	}
	inputs := func(def *llb.Definition) int {
		op := &pb.Op{}
		if err := op.UnmarshalVT(def.Def[len(def.Def)-1]); err != nil {
			t.Fatal(err)
		}
		return len(op.Inputs)
	}
	if inputs(relocated.Definition) != inputs(b.Definition) {
		t.Error("it has another number of results")
	}
	have := map[digest.Digest]bool{}
	for _, s := range g.Steps {
		have[s.Digest] = true
		if _, ok := relocated.Definition.Metadata[s.Digest]; !ok {
			t.Errorf("%s has no metadata", s.Name)
		}
	}
	for _, s := range relocated.Steps {
		if !have[s.Digest] {
			t.Errorf("%s is said to be moved, and not there", s.Digest)
		}
	}
	for _, output := range relocated.Outputs {
		part, err := graph.Read(output.Definition)
		if err != nil || !have[output.Digest] || part.Steps[len(part.Steps)-1].Digest != output.Digest {
			t.Errorf("the definition of output %s: %v", output.Digest, err)
		}
	}
	return g
}

package cross

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
)

// golang returns the Go recipe's findings about an image that has Go and certificates.
func golang(wants []BaseRequest) map[string]recipe.Base {
	have := map[string]string{
		"/usr/local/go/VERSION": "go1.26.8\n", "/usr/local/go/go.env": "GOTOOLCHAIN=local\n", "/usr/local/go/bin/go": "", "/etc/ssl/cert.pem": "",
		"/usr/local/go/src/internal/buildcfg/zbootstrap.go": "package buildcfg\nconst DefaultGOARM = `7`\nconst DefaultGOARM64 = `v8.0`\n",
	}
	bases := map[string]recipe.Base{}
	for _, w := range wants {
		im := &recipe.Image{Config: ocispecs.ImageConfig{Env: []string{"PATH=/usr/local/go/bin:/bin"}}, Files: map[string]recipe.File{}}
		for _, r := range w.Recipes {
			read, exists := r.NeededPaths(im.Config, w.Copied)
			for _, name := range slices.Concat(read, exists) {
				f := recipe.File{}
				for at, data := range have {
					if at == name {
						f = recipe.File{Exists: true, Holds: true, Data: []byte(data)}
					} else if strings.HasPrefix(at, name+"/") {
						f.Exists, f.Holds = true, true
					}
				}
				im.Files[name] = f
			}
		}
		bases[w.Image.Name] = recipe.Base{Native: im, Target: im}
	}
	return bases
}

const dependencies = `FROM golang AS deps
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download

FROM golang AS build
ENV CGO_ENABLED=0
COPY --from=deps /root/go/pkg/mod /root/go/pkg/mod
COPY . /src
RUN cd /src && go build -o /out/app .

FROM golang AS other
RUN make

FROM scratch
COPY --from=build /out/app /app
COPY --from=other /x /x
`

func TestTheGoRecipe(t *testing.T) {
	for name, tt := range map[string]struct {
		dockerfile string
		choice     Choice
		want       []string // the stages
	}{
		"a service":                  {strings.Replace(service, "WORKDIR", "ENV CGO_ENABLED=0\nWORKDIR", 1), Choice{Auto: true}, []string{"build:1 moved by go, 5 steps", "stage-1:9 result, 2 steps"}},
		"modules from another stage": {dependencies, Choice{Auto: true}, []string{"deps:1 moved by go, 3 steps", "build:6 moved by go, 3 steps", "other:12 no-recipe, 1 steps"}},
		"a stage by its name, of another that is not named": {dependencies, Choice{Named: []Named{{"go", "OTHER"}}}, []string{
			"deps:1 no-recipe, 3 steps", "build:6 no-recipe, 3 steps", "other:12 moved by go, 1 steps",
		}},
		"certificates": {strings.Replace(dependencies, "/x /x", "/etc/ssl /etc/ssl", 1), Choice{Auto: true, Named: []Named{{"go", "other"}}}, []string{
			"deps:1 moved by go, 3 steps", "build:6 moved by go, 3 steps", "other:12 leaves-packages, 1 steps",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := build(t, tt.dockerfile, "linux/arm/v7")
			b.Choice = tt.choice
			b.Bases = golang(RequiredBases(b))
			relocated, err := Relocate(b)
			if err != nil {
				t.Fatal(err)
			}
			g := b.Graph
			if relocated.Definition != nil {
				g = sound(t, b, relocated)
			}
			if diff := cmp.Diff(tt.want, describe(relocated, g).Stages); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, s := range relocated.Steps {
				if env := stepOf(g, s.Digest).Env; s.Edited && !slices.Contains(env, "GOARM=7") {
					t.Errorf("%s runs with %v", stepOf(g, s.Digest).Name, env)
				}
			}
		})
	}
}

func TestRecipesGetTheForeignPaths(t *testing.T) {
	b := build(t, "FROM golang AS a\nRUN go build -o /a\nFROM golang AS build\nCOPY x /x\nADD https://example.com/y /y\nCOPY --from=tool /t /usr/bin/t\n"+
		"COPY --link --from=a /a /a\nCOPY --link c /c\nRUN --mount=from=tool,target=/m --mount=target=/n --mount=type=cache,target=/o go build -o /out\n"+
		"FROM scratch\nCOPY --from=build /out /\n", "linux/arm64")
	m := newRelocator(b)
	if diff := cmp.Diff([]string{"/usr/bin/t", "/a", "/m"}, m.outputs[len(m.outputs)-1].foreignPaths); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBaseImagesAreWantedOnlyWhereCommandsMayMove(t *testing.T) {
	for name, tt := range map[string]struct {
		dockerfile string
		want       []string
	}{
		"none that nothing is done with":  {"FROM golang AS a\nRUN make\nFROM scratch\nCOPY --from=a /a /\n", nil},
		"one, with all that anyone takes": {dependencies, []string{"docker.io/library/golang:latest: go; /root/go/pkg/mod /out/app"}},
	} {
		var got []string
		for _, w := range RequiredBases(build(t, tt.dockerfile, "linux/arm64")) {
			words := []string{w.Image.Name + ": " + w.Recipes[0].Name + ";"}
			for _, l := range w.Copied {
				words = append(words, l.Path)
			}
			got = append(got, strings.Join(words, " "))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestABaseThatWasNotLookedAtKeepsItsStage(t *testing.T) {
	relocated, err := Relocate(build(t, strings.Replace(service, "WORKDIR", "ENV CGO_ENABLED=0\nWORKDIR", 1), "linux/arm64"))
	if err != nil || relocated.Definition != nil || relocated.Stages[0].Why.Message != "its base image was not inspected" {
		t.Errorf("%+v, %v", relocated.Stages, err)
	}
}

func TestUnknownStages(t *testing.T) {
	own := build(t, dependencies, "linux/arm64").Graph
	without := graph.Graph{Steps: own.Steps}
	choice := Choice{Named: []Named{{"go", ""}, {"go", "Build"}, {"node", "assets"}, {"hugo", "assets"}, {"go", "stage-3"}, {"node", "stage-2"}}}
	for name, g := range map[string]graph.Graph{"by the text": own, "by the steps": without} {
		if diff := cmp.Diff([]string{"assets", "stage-2"}, UnknownStages(choice, []graph.Graph{g, {}})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestARecipeThatIsNotNamedIsOffered(t *testing.T) {
	const site = "FROM node AS build\nCOPY . .\nRUN npm ci && npm run build\nFROM alpine\nCOPY --from=build /dist /dist\n"
	for name, tt := range map[string]struct {
		dockerfile string
		choice     Choice
		naming     string
	}{
		"by auto":           {site, Choice{Auto: true}, "auto,node:build"},
		"beside others":     {site, Choice{Named: []Named{{"go", "x"}}}, "go:x,node:build"},
		"without a name":    {strings.NewReplacer(" AS build", "", "--from=build", "--from=0").Replace(site), Choice{Auto: true}, "auto,node"},
		"to none of theirs": {strings.ReplaceAll(site, "npm", "make"), Choice{Auto: true}, ""},
	} {
		b := build(t, tt.dockerfile, "linux/arm64")
		b.Choice = tt.choice
		b.Bases = golang(RequiredBases(b))
		relocated, err := Relocate(b)
		if err != nil || len(relocated.Stages) == 0 {
			t.Fatalf("%s: %v %+v", name, err, relocated)
		}
		if why := relocated.Stages[0].Why; why.Check != "no-recipe" || why.Naming.Choice != tt.naming || why.Helps() != (tt.naming != "") {
			t.Errorf("%s: %+v", name, why)
		}
	}
}

func TestARelocatedStageReportsItsAssumptions(t *testing.T) {
	for named, want := range map[bool]string{true: "RUN make is trusted to compile", false: ""} {
		b := build(t, "FROM golang AS a\nENV CGO_ENABLED=0\nRUN "+map[bool]string{true: "make", false: "go build -o /x"}[named]+
			"\nFROM scratch\nCOPY --from=a /x /x\n", "linux/arm64")
		b.Choice = Choice{Named: []Named{{"go", "a"}}}
		b.Bases = golang(RequiredBases(b))
		relocated, err := Relocate(b)
		if err != nil || len(relocated.Stages) != 1 || !relocated.Stages[0].Relocated || !strings.HasPrefix(relocated.Stages[0].Trusted.Message, want) {
			t.Errorf("%v: %+v, %v", named, relocated.Stages, err)
		}
	}
}

package crosscompile

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/baseimage"
	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// UnknownStageError says that recipes were named for stages that no Dockerfile of the build has.
type UnknownStageError struct{ Stages []string }

func (e *UnknownStageError) Error() string {
	quoted := make([]string, len(e.Stages))
	for i, stage := range e.Stages {
		quoted[i] = strconv.Quote(stage)
	}
	return fmt.Sprintf("a recipe is named for stage %s, which the Dockerfile does not have", strings.Join(quoted, ", "))
}

// Reading is the frontend's result for one platform.
type Reading struct {
	Target     platform.Platform
	Definition *llb.Definition // nil if there is none
	Graph      graph.Graph     // of Definition
}

// Decider decides which steps are relocated to the node's own platform.
type Decider struct {
	Choice   cross.Choice
	Isolated bool // each platform has its own cache mounts
	Attested bool // the build has attestations
	Native   platform.Platform
	// Emulated reports whether the node would emulate programs for a platform.
	Emulated func(platform.Platform) bool
	Bases    *baseimage.Inspector
	Note     diag.Notes
}

// Decide returns the relocated steps of each platform, in the order of the readings. A failure to find out is not an error: the steps then stay
// on their platform. gw is the gateway of a solve on the node.
func (d Decider) Decide(ctx context.Context, gw gateway.Client, readings []Reading) []cross.Relocated {
	relocated := make([]cross.Relocated, len(readings))
	for i, r := range readings {
		relocated[i] = cross.NotRelocated(r.Graph)
	}
	emulated := func(r Reading) bool { return slices.ContainsFunc(r.Graph.Runs(), d.Emulated) }
	if d.Choice.Off() || !slices.ContainsFunc(readings, emulated) {
		return relocated
	}
	attested := make([][]cross.Stage, len(readings))
	if d.Attested && d.Choice.Auto {
		attested = d.attested(readings)
		d.Choice.Auto = false
	}
	for i, b := range d.examine(ctx, gw, readings) {
		m, err := cross.Relocate(b)
		if err != nil {
			d.Note(diag.Warningf("%s: nothing is relocated to %s: %v", platform.Format(b.Target), platform.Format(d.Native), err))
			continue
		}
		m.Stages = append(m.Stages, attested[i]...)
		relocated[i] = m
	}
	return relocated
}

// build returns the input of package cross; no base images have been examined yet.
func (d Decider) build(r Reading) cross.Build {
	return cross.Build{
		Definition: r.Definition, Graph: r.Graph, Target: r.Target, Native: d.Native, Emulated: d.Emulated, Choice: d.Choice, Isolated: d.Isolated,
	}
}

// examine looks at the base images that matter, and returns all facts about each platform's build. If an image's name has several digests, the
// first is examined, since the pins give it to all platforms.
func (d Decider) examine(ctx context.Context, gw gateway.Client, readings []Reading) []cross.Build {
	digests := map[string][]digest.Digest{}
	for _, r := range readings {
		for _, img := range r.Graph.Images() {
			digests[img.Name] = append(digests[img.Name], img.Digest)
		}
	}
	builds := make([]cross.Build, len(readings))
	var looking sync.WaitGroup
	for i, r := range readings {
		builds[i] = d.build(r)
		want := cross.RequiredBases(builds[i])
		if len(want) == 0 {
			continue
		}
		builds[i].Digests = digests
		looking.Go(func() {
			for k := range want {
				want[k].Image.Digest = digests[want[k].Image.Name][0]
			}
			builds[i].Bases = d.bases(ctx, gw, want)
		})
	}
	looking.Wait()
	return builds
}

// bases returns the examined base images, by their names.
func (d Decider) bases(ctx context.Context, gw gateway.Client, wants []cross.BaseRequest) map[string]recipe.Base {
	bases := make([]recipe.Base, len(wants))
	var looking sync.WaitGroup
	for i, w := range wants {
		ask := func(target ocispecs.ImageConfig) (read, exist []string) {
			for _, r := range w.Recipes {
				files, paths := r.NeededPaths(target, w.Copied)
				read, exist = append(read, files...), append(exist, paths...)
			}
			return unique(read), unique(exist)
		}
		looking.Go(func() { bases[i] = d.Bases.Base(ctx, gw, w.Image, ask) })
	}
	looking.Wait()
	found := make(map[string]recipe.Base, len(wants))
	for i, w := range wants {
		found[w.Image.Name] = bases[i]
	}
	return found
}

func unique(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }

// attested returns the stages, by the index of readings, that the automatic choice might relocate and that stay because the build has
// attestations: a relocated graph lacks the frontend's data for the provenance, so only a user who names a recipe gets both.
func (d Decider) attested(readings []Reading) [][]cross.Stage {
	named := d
	named.Choice.Auto = false
	stages := make([][]cross.Stage, len(readings))
	for i, r := range readings {
		wanted := cross.RequiredBases(named.build(r))
		for _, w := range cross.RequiredBases(d.build(r)) {
			if slices.ContainsFunc(wanted, func(n cross.BaseRequest) bool { return n.Image.Name == w.Image.Name }) {
				continue
			}
			stages[i] = append(stages[i], attestedStage(r.Graph, w))
		}
	}
	return stages
}

// CheckAttested is the check of stages that stay emulated because the build has attestations.
const CheckAttested = "attested"

// attestedStage returns the stage that begins with an image.
func attestedStage(g graph.Graph, w cross.BaseRequest) cross.Stage {
	by := w.Recipes[0].Name
	s := cross.Stage{Recipe: by, Why: recipe.Refusal{
		Diagnostic: diag.Diagnostic{
			Check: CheckAttested, Severity: diag.Note, Message: "the build has attestations, and those of a relocated stage lack the Dockerfile and its arguments",
		},
		Naming: recipe.Naming{Choice: by},
	}}
	for _, step := range g.Steps {
		if img, ok := step.Image(); ok && img.Name == w.Image.Name {
			s.Name, s.File, s.Line = step.Stage, step.File, step.Line
		}
	}
	return s
}

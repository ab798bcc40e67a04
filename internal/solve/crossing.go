package solve

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

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/baseimage"
	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// crossing is what decides which steps are moved from an emulated platform to the node's own. It is made once, at the barrier, with the
// answers for what was read there; a solve whose Dockerfile is read again asks it again.
type crossing struct {
	choice   cross.Choice
	native   platform.Platform
	targets  []platform.Platform
	emulated func(platform.Platform) bool
	bases    []map[string]lookedAt // by the index of targets, by the name of the image
	answers  []crossed             // by the index of targets; only read once the barrier is passed
}

// crossed is what a platform's build comes to.
type crossed struct {
	def      *llb.Definition // that was asked about
	isolated bool
	moved    cross.Moved
	graph    graph.Graph // of what was moved; of def if nothing was
}

// lookedAt is a base image, with the digests that its name had at the barrier. Where there are several, the first is the one that was
// looked at, since the pins hold all platforms to it.
type lookedAt struct {
	recipe.Base
	digests []digest.Digest
}

// move is what a platform's build comes to. The answer is about the images that were looked at: one that has another digest meanwhile
// is not known.
func (x *crossing) move(index int, def *llb.Definition, g graph.Graph, isolated bool) (crossed, error) {
	if a := x.answers[index]; def != nil && a.def == def && a.isolated == isolated {
		return a, nil
	}
	a := crossed{def: def, isolated: isolated, graph: g}
	var err error
	if a.moved, err = cross.Move(x.build(index, def, g, isolated)); err == nil && a.moved.Definition != nil {
		a.graph, err = graph.Read(a.moved.Definition)
	}
	return a, err
}

func (x *crossing) build(index int, def *llb.Definition, g graph.Graph, isolated bool) cross.Build {
	b := cross.Build{
		Definition: def, Graph: g, Target: x.targets[index], Native: x.native, Emulated: x.emulated, Choice: x.choice, Isolated: isolated,
		Bases: map[string]recipe.Base{},
	}
	for _, img := range g.Images() {
		if seen, ok := x.bases[index][img.Name]; ok && slices.Contains(seen.digests, img.Digest) {
			b.Bases[img.Name] = seen.Base
		}
	}
	return b
}

// UnknownStageError says that recipes were named for stages that no Dockerfile of the build has.
type UnknownStageError struct{ Stages []string }

func (e *UnknownStageError) Error() string {
	quoted := make([]string, len(e.Stages))
	for i, stage := range e.Stages {
		quoted[i] = strconv.Quote(stage)
	}
	return fmt.Sprintf("a recipe is named for stage %s, which the Dockerfile does not have", strings.Join(quoted, ", "))
}

// moves are all platforms' builds as they are going to be solved.
type moves struct {
	crossing *crossing     // nil if nothing can be moved
	moved    []cross.Moved // by index
	graphs   []graph.Graph // by index: of what is solved
	stay     []graph.Graph // by index: as the frontends wrote them
}

// unmoved: all stays where it is.
func unmoved(v survey) moves {
	return moves{moved: make([]cross.Moved, len(v.graphs)), graphs: slices.Clone(v.graphs), stay: slices.Clone(v.graphs)}
}

// cross finds what can be moved. What keeps it from finding out is no error: the steps stay where they are.
func (c clearing) cross(ctx context.Context, v survey, status emulation.Status) moves {
	m := unmoved(v)
	emulated := func(p platform.Platform) bool {
		return p.Architecture != "" && c.env.Node.Mode(p, status) != plan.Native
	}
	if c.req.Cross.Off() || !slices.ContainsFunc(runs(v.graphs), emulated) {
		return m
	}
	x := &crossing{
		choice: c.req.Cross, native: c.env.Node.Native(), targets: c.targets, emulated: emulated, bases: make([]map[string]lookedAt, len(v.graphs)),
		answers: make([]crossed, len(v.graphs)),
	}
	stays := make([][]cross.Stage, len(v.graphs))
	if len(c.req.Attests) > 0 && x.choice.Auto {
		stays = c.attested(x, v)
	}
	x.look(ctx, v, baseimage.NewInspector(x.native, c.env.Bases))
	for i, def := range v.defs {
		a, err := x.move(i, def, v.graphs[i], c.req.Cache.Mounts == buildcache.IsolatedMounts)
		if err != nil {
			c.env.Progress.Note(fmt.Sprintf("warning: %s: nothing is moved to %s: %v", platform.Format(c.targets[i]), platform.Format(x.native), err))
			continue
		}
		a.moved.Stages = append(a.moved.Stages, stays[i]...)
		x.answers[i], m.moved[i], m.graphs[i] = a, a.moved, a.graph
	}
	m.crossing = x
	return m
}

// emulate makes the node run a platform as its frontend wrote it, when what was moved of it did not do. One at a time: an emulator that two
// platforms need is installed once.
func (c clearing) emulate(stay []graph.Graph) func(context.Context, int) (plan.Job, error) {
	var turn sync.Mutex
	return func(ctx context.Context, index int) (plan.Job, error) {
		turn.Lock()
		defer turn.Unlock()
		one := c
		one.targets = c.targets[index : index+1]
		graphs := stay[index : index+1]
		status, err := one.env.Node.Probe(ctx, slices.Concat(one.targets, runs(graphs))...)
		if err != nil {
			return plan.Job{}, c.unprobed(err)
		}
		planned, found := one.emulators(ctx, graphs, status, true)
		if len(found) > 0 {
			return plan.Job{}, found[0].Err
		}
		return planned.Jobs[0], nil
	}
}

// look has the base images looked at that matter.
func (x *crossing) look(ctx context.Context, v survey, in *baseimage.Inspector) {
	digests := map[string][]digest.Digest{}
	for _, g := range v.graphs {
		for _, img := range g.Images() {
			digests[img.Name] = append(digests[img.Name], img.Digest)
		}
	}
	var looking sync.WaitGroup
	for i, def := range v.defs {
		want := cross.Wanted(x.build(i, def, v.graphs[i], false))
		if len(want) == 0 {
			continue
		}
		looking.Go(func() {
			x.bases[i] = map[string]lookedAt{}
			for k := range want {
				want[k].Image.Digest = digests[want[k].Image.Name][0]
			}
			for name, base := range lookAtBases(ctx, in, v.gw, want) {
				x.bases[i][name] = lookedAt{base, digests[name]}
			}
		})
	}
	looking.Wait()
}

// lookAtBases finds out what is wanted of base images, by their names.
func lookAtBases(ctx context.Context, in *baseimage.Inspector, gw gateway.Client, wants []cross.Want) map[string]recipe.Base {
	bases := make([]recipe.Base, len(wants))
	var looking sync.WaitGroup
	for i, w := range wants {
		ask := func(target ocispecs.ImageConfig) (read, exist []string) {
			for _, r := range w.Recipes {
				files, paths := r.Ask(target, w.Leaves)
				read, exist = append(read, files...), append(exist, paths...)
			}
			return unique(read), unique(exist)
		}
		looking.Go(func() { bases[i] = in.Base(ctx, gw, w.Image, ask) })
	}
	looking.Wait()
	found := make(map[string]recipe.Base, len(wants))
	for i, w := range wants {
		found[w.Image.Name] = bases[i]
	}
	return found
}

func unique(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }

// attested takes auto away: a graph that was moved has lost what its frontend knew for the provenance, so only who names a recipe gets both.
// It gives the stages, by the index of targets, that might have been moved.
func (c clearing) attested(x *crossing, v survey) [][]cross.Stage {
	wanted := func(i int) []cross.Want { return cross.Wanted(x.build(i, v.defs[i], v.graphs[i], false)) }
	auto, stays, lost := make([][]cross.Want, len(v.defs)), make([][]cross.Stage, len(v.defs)), false
	for i := range v.defs {
		auto[i] = wanted(i)
	}
	x.choice.Auto = false
	for i := range v.defs {
		named := wanted(i)
		for _, w := range auto[i] {
			if slices.ContainsFunc(named, func(n cross.Want) bool { return n.Image.Name == w.Image.Name }) {
				continue
			}
			lost, stays[i] = true, append(stays[i], attestedStage(v.graphs[i], w))
		}
	}
	if lost {
		c.env.Progress.Note("what compiles is emulated, since the build has attestations, which would lack what was asked of the Dockerfile if it were not " +
			"(--cross=go does it all the same)")
	}
	return stays
}

// attestedStage is the one that goes on from an image.
func attestedStage(g graph.Graph, w cross.Want) cross.Stage {
	s := cross.Stage{Recipe: w.Recipes[0].Name, Why: recipe.Reason{
		Check: "attested", Message: "the build has attestations, which would lack what was asked of the Dockerfile",
		Fix: "--cross=" + w.Recipes[0].Name + " moves it all the same",
	}}
	for _, step := range g.Steps {
		if img, ok := step.Image(); ok && img.Name == w.Image.Name {
			s.Name, s.File, s.Line = step.Stage, step.File, step.Line
		}
	}
	return s
}

package cross

import (
	"slices"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// RequiredBases returns the base images that must be inspected before [Relocate] can judge their chains. It leaves out chains that the
// commands alone exclude. The copied paths are every path that others copy, since a step that looks relocatable may turn out not to be.
func RequiredBases(b Build) []BaseRequest {
	if b.off() {
		return nil
	}
	m := newRelocator(b)
	m.fixpoint(m.precheck)
	var wants []BaseRequest
	for _, t := range m.outputs {
		if t.by == nil {
			continue
		}
		i := slices.IndexFunc(wants, func(w BaseRequest) bool { return w.Image.Name == t.image.Name })
		if i < 0 {
			i = len(wants)
			wants = append(wants, BaseRequest{Image: t.image})
		}
		w := &wants[i]
		for _, r := range t.by.recipes {
			if !slices.ContainsFunc(w.Recipes, func(have recipe.Recipe) bool { return have.Name == r.Name }) {
				w.Recipes = append(w.Recipes, r)
			}
		}
		for _, l := range m.copied[t.step.Digest] {
			if l.Path != "/" && !slices.Contains(w.Copied, l) { // no recipe lets everything leave, so it needs no inspection
				w.Copied = append(w.Copied, l)
			}
		}
	}
	return wants
}

// Relocate relocates the steps that can be. It fails if the definition is damaged, or is not the one that the graph was read from.
func Relocate(b Build) (Relocated, error) {
	if b.off() {
		return NotRelocated(b.Graph), nil
	}
	m := newRelocator(b)
	return m.relocate(m.judgeChain)
}

func (m *relocator) relocate(judge judge) (Relocated, error) {
	m.fixpoint(judge)
	relocated := Relocated{Stages: m.verdicts(), Graph: m.Graph, From: m.Build}
	if len(m.live) == 0 {
		return relocated, nil
	}
	r, err := m.rewrite()
	if err != nil {
		return Relocated{}, err
	}
	relocated.Definition, relocated.Steps = r.out, r.steps
	if relocated.Outputs, err = r.stageOutputs(); err == nil {
		relocated.Graph, err = graph.Read(r.out)
	}
	return relocated, err
}

// off reports whether there is nothing to look for. A definition with several results is not that of a Dockerfile.
func (b Build) off() bool {
	return b.Choice.Off() || b.Definition == nil || len(b.Graph.Steps) == 0 || platform.Equal(b.Target, b.Native) ||
		b.Emulated == nil || b.Emulated(b.Native) || results(b.Definition) != 1
}

// results counts the results at a definition's end.
func results(def *llb.Definition) int {
	end := &pb.Op{}
	if len(def.Def) == 0 || end.UnmarshalVT(def.Def[len(def.Def)-1]) != nil {
		return 0
	}
	return len(end.Inputs)
}

// emulated reports whether a step's program would be emulated.
func (b Build) emulated(s graph.Step) bool {
	return s.Kind == graph.Exec && s.Platform.Architecture != "" && b.Emulated(s.Platform)
}

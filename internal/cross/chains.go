package cross

import (
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
)

// stageOutput is a step whose files others copy, and whose chain would run a program under an emulator. It is not in the result's
// own chain.
type stageOutput struct {
	step         graph.Step
	stage        string         // the name of its stage
	image        graph.ImageRef // its base image
	chain        []graph.Step   // from the base to the step
	foreignPaths []string       // where the chain has files from elsewhere
	lower        []*stageOutput // the outputs in its chain, the nearest first
	by           *verdict       // the verdict that relocates it, which may be that of an output above it
	why          recipe.Refusal // why it is not relocated
	refusedBy    string         // the recipe that gave the reason
	verdicts     []*verdict
}

// relocator is the state of judging one build.
type relocator struct {
	Build
	steps   map[digest.Digest]graph.Step
	result  map[digest.Digest]bool         // the result's own chain
	outputs []*stageOutput                 // in the order of the graph
	live    map[digest.Digest]*stageOutput // outputs that are relocated, as far as is known
	copied  map[digest.Digest][]recipe.CopiedPath
	images  map[digest.Digest]graph.ImageRef // of the steps that fetch a base image
	files   *files
	needed  demand // of the live outputs, once the fixpoint is reached
}

// newRelocator finds the outputs. Outputs that are excluded whatever recipes say are not live.
func newRelocator(b Build) *relocator {
	m := &relocator{
		Build: b, steps: b.Graph.ByDigest(), result: map[digest.Digest]bool{},
		copied: map[digest.Digest][]recipe.CopiedPath{}, images: map[digest.Digest]graph.ImageRef{}, files: newFiles(b),
	}
	for _, s := range b.Graph.Chain() {
		m.result[s.Digest] = true
	}
	for _, s := range b.Graph.Steps {
		if image, ok := s.Image(); ok {
			m.images[s.Digest] = image
		}
		for _, take := range s.InputPaths {
			if take.Input != s.Root { // a step may take anything from the step it goes on from
				taken := recipe.CopiedPath{Path: take.Path, Step: s.Digest, Line: s.Line}
				if !slices.Contains(m.copied[take.Input], taken) {
					m.copied[take.Input] = append(m.copied[take.Input], taken)
				}
			}
		}
	}
	m.findOutputs()
	return m
}

func (m *relocator) findOutputs() {
	m.live = map[digest.Digest]*stageOutput{}
	known := map[digest.Digest]*stageOutput{}
	for _, s := range m.Graph.Steps {
		if len(m.copied[s.Digest]) == 0 || m.result[s.Digest] {
			continue
		}
		t := m.newOutput(s)
		if !slices.ContainsFunc(t.chain, m.emulated) {
			continue
		}
		for _, below := range slices.Backward(t.chain[:len(t.chain)-1]) {
			if u := known[below.Digest]; u != nil {
				t.lower = append(t.lower, u)
			}
		}
		known[s.Digest] = t
		m.outputs = append(m.outputs, t)
		if t.why.Diagnostic = m.exclusion(t); !t.why.Found() {
			m.live[s.Digest] = t
		}
	}
}

func (m *relocator) newOutput(s graph.Step) *stageOutput {
	t := &stageOutput{step: s, chain: graph.ChainTo(m.steps, s)}
	t.foreignPaths = m.foreignPaths(t.chain)
	t.stage = m.files.stageOf(s)
	t.image = m.images[t.chain[0].Digest]
	return t
}

// foreignPaths returns the destinations of files that a chain takes from other images and stages. Files of the context or of a
// download do not count.
func (m *relocator) foreignPaths(chain []graph.Step) (all []string) {
	for _, s := range chain {
		for _, take := range s.InputPaths {
			from := m.steps[take.Input]
			if m.isLayer(s, from) {
				all = append(all, m.foreignPaths([]graph.Step{from})...)
				continue
			}
			if from.Kind == graph.Source && m.images[from.Digest].Name == "" && !strings.HasPrefix(from.Source, "oci-layout:") {
				continue
			}
			if take.Dest != "" && take.Input != s.Root {
				all = append(all, take.Dest)
			}
		}
	}
	return all
}

// isLayer reports whether a step that is laid over others is the layer that COPY --link makes.
func (m *relocator) isLayer(over, layer graph.Step) bool {
	return over.Kind == graph.Merge && layer.Kind == graph.File && layer.Root == ""
}

// demand holds which steps are needed unchanged and which relocated, given the live outputs.
type demand struct {
	plain, native map[digest.Digest]bool
}

func (m *relocator) demand() demand {
	d := demand{map[digest.Digest]bool{}, map[digest.Digest]bool{}}
	steps := m.Graph.Steps
	d.plain[steps[len(steps)-1].Digest] = true
	for _, s := range slices.Backward(steps) { // users come after what they use
		for _, native := range []bool{false, true} {
			if needed := d.of(native)[s.Digest]; !needed {
				continue
			}
			for _, in := range s.Inputs {
				d.of(m.nativeInput(s, native, in))[in] = true
			}
		}
	}
	return d
}

// copiedPaths returns the paths that others copy from live outputs, in the order of the graph.
func (m *relocator) copiedPaths(d demand) map[digest.Digest][]recipe.CopiedPath {
	all := map[digest.Digest][]recipe.CopiedPath{}
	for _, t := range m.outputs {
		if m.live[t.step.Digest] == nil {
			continue
		}
		for _, l := range m.copied[t.step.Digest] {
			l.Relocated = !d.plain[l.Step]
			all[t.step.Digest] = append(all[t.step.Digest], l)
		}
	}
	return all
}

func (d demand) of(native bool) map[digest.Digest]bool {
	if native {
		return d.native
	}
	return d.plain
}

// nativeInput reports whether a step, unchanged or relocated, has a relocated input: the step it goes on from if it is relocated
// itself, and whatever it takes from a relocated output. The layer that COPY --link makes has no platform. It counts as relocated
// with the step that lays it over others, so that it may take what that step may.
func (m *relocator) nativeInput(s graph.Step, native bool, in digest.Digest) bool {
	if in == s.Root {
		return native
	}
	if m.live[in] != nil {
		return true
	}
	return native && m.isLayer(s, m.steps[in])
}

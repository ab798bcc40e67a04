package cross

import (
	"cmp"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

// verdicts returns the decision for each chain of steps that would be emulated. A step of several chains that are not relocated
// is listed once: with the result if it belongs to it, otherwise with the longest chain.
func (m *relocator) verdicts() []Stage {
	seen := map[digest.Digest]bool{}
	var stages []Stage
	add := func(s Stage, chain []graph.Step, needed map[digest.Digest]bool) {
		programs := false
		for _, step := range chain {
			if step.Kind != graph.Source && needed[step.Digest] && !seen[step.Digest] {
				s.Steps = append(s.Steps, step.Digest)
				programs = programs || m.emulated(step)
			}
		}
		if programs {
			stages = append(stages, s)
			for _, d := range s.Steps {
				seen[d] = true
			}
		}
	}
	chain := m.Graph.Chain()
	last := chain[len(chain)-1]
	s := m.stageAt(last, m.files.stageOf(last))
	s.Why.Diagnostic = reason("result", "it becomes the image's own file system", s.File, s.Line)
	add(s, chain, m.needed.plain)
	for _, t := range slices.Backward(m.outputs) {
		if m.live[t.step.Digest] == nil {
			s := m.stageAt(t.step, t.stage)
			s.Why, s.Recipe = m.suggestion(t), t.refusedBy
			add(s, t.chain, m.needed.plain)
		}
	}
	clear(seen) // the old definition may keep a relocated step
	for _, t := range m.highest() {
		s := m.stageAt(t.step, t.stage)
		s.Relocated, s.Recipe = true, t.by.recipes[0].Name
		s.Trusted = m.onTrust(t)
		add(s, t.chain, m.needed.native)
	}
	order := make(map[digest.Digest]int, len(m.Graph.Steps))
	for i, s := range m.Graph.Steps {
		order[s.Digest] = i
	}
	slices.SortStableFunc(stages, func(a, b Stage) int {
		return cmp.Compare(order[a.Steps[len(a.Steps)-1]], order[b.Steps[len(b.Steps)-1]])
	})
	return stages
}

// highest returns the live outputs that are in no other output's chain.
func (m *relocator) highest() (all []*stageOutput) {
	covered := map[*stageOutput]bool{}
	for _, t := range slices.Backward(m.outputs) {
		if m.live[t.step.Digest] == nil {
			continue
		}
		if !covered[t] {
			all = append(all, t)
		}
		for _, u := range t.lower {
			covered[u] = true
		}
	}
	return all
}

func (m *relocator) stageAt(s graph.Step, name string) Stage {
	file, line := m.files.from(s)
	return Stage{Name: name, File: file, Line: line}
}

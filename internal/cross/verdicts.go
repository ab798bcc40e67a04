package cross

import (
	"cmp"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
)

// verdicts says for each chain of steps that would be emulated what became of it. A step of several chains that are not moved is said
// once, with the result if it is its, else with the one that is the longest.
func (m *mover) verdicts() []Stage {
	needed := m.needed
	order := make(map[digest.Digest]int, len(m.Graph.Steps))
	for i, s := range m.Graph.Steps {
		order[s.Digest] = i
	}
	said := map[digest.Digest]bool{}
	var stages []Stage
	add := func(s Stage, chain []graph.Step, of map[digest.Digest]bool) {
		programs := false
		for _, step := range chain {
			if step.Kind != graph.Source && of[step.Digest] && (s.Moved || !said[step.Digest]) {
				s.Steps = append(s.Steps, step.Digest)
				programs = programs || m.emulated(step)
			}
		}
		if !programs {
			return
		}
		for _, d := range s.Steps {
			said[d] = said[d] || !s.Moved
		}
		stages = append(stages, s)
	}
	chain := m.Graph.Chain()
	last := chain[len(chain)-1]
	s := m.stageAt(last, m.files.stageOf(last))
	s.Why = recipe.Reason{Check: "result", Message: "it ends as the image's own file system", File: s.File, Line: s.Line}
	add(s, chain, needed.plain)
	covered := map[digest.Digest]bool{} // by a moved tip above
	for _, t := range slices.Backward(m.tips) {
		s := m.stageAt(t.step, t.stage)
		if m.live[t.step.Digest] == nil {
			s.Why, s.Recipe = t.why, t.asked
			add(s, t.chain, needed.plain)
			continue
		}
		for _, u := range t.lower {
			covered[u.step.Digest] = true
		}
		if !covered[t.step.Digest] {
			s.Moved, s.Recipe = true, t.by.recipes[0].Name
			add(s, t.chain, needed.native)
		}
	}
	slices.SortStableFunc(stages, func(a, b Stage) int {
		return cmp.Compare(order[a.Steps[len(a.Steps)-1]], order[b.Steps[len(b.Steps)-1]])
	})
	return stages
}

func (m *mover) stageAt(s graph.Step, name string) Stage {
	file, line := m.files.from(s)
	return Stage{Name: name, File: file, Line: line}
}

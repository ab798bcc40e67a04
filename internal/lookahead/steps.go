package lookahead

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/dockerfile"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Step is one step of a Dockerfile, for its platforms. A step that several platforms share is listed once.
type Step struct {
	File  string
	Line  int
	Stage string
	// Text is the instruction, with its variables expanded where the frontend has done so.
	Text string
	// Runs is how its program runs: Native, Cross by a Recipe, Emulated, EmulatedBuilder or Impossible; "" if it runs none.
	Runs   plan.Mode
	Recipe string
	// On is the platform that its program runs on; zero if it runs none, or if it runs on the builder's own without naming it.
	On platform.Platform
	// Platforms are those of the step, in canonical order.
	Platforms []platform.Platform
}

// plannedSteps returns the steps of the graphs that a Dockerfile has, in the order of its lines. A step that would be emulated once an
// emulator is installed counts as emulated.
func plannedSteps(prospect solve.Prospect, installs []platform.Platform) []Step {
	type key struct {
		program    digest.Digest
		file, text string
		line       int
	}
	var steps []Step
	at, recipes := map[key]int{}, prospect.Plan.Recipes()
	for i, g := range prospect.Graphs {
		for _, s := range writtenSteps(g) {
			p := Step{File: s.File, Line: s.Line, Stage: s.Stage, Text: s.Instruction()}
			k := key{file: p.File, text: p.Text, line: p.Line}
			if s.Kind == graph.Exec {
				k.program, p.Recipe = s.Digest, recipes[s.Digest]
				p.runs(s, prospect.Plan, installs)
			}
			n, ok := at[k]
			if !ok {
				n = len(steps)
				at[k], steps = n, append(steps, p)
			}
			if last := len(steps[n].Platforms) - 1; last < 0 || !platform.Equal(steps[n].Platforms[last], prospect.Targets[i]) {
				steps[n].Platforms = append(steps[n].Platforms, prospect.Targets[i])
			}
		}
	}
	slices.SortStableFunc(steps, func(a, b Step) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	return steps
}

// writtenSteps returns the steps that are in a file. A step at several places is returned once for each, with the stage of that place.
func writtenSteps(g graph.Graph) (written []graph.Step) {
	outlines := map[string]dockerfile.File{}
	for name, text := range g.Texts {
		outlines[name], _ = dockerfile.Outline(text) // a Dockerfile that another frontend reads has no known stages
	}
	for _, s := range g.Steps {
		for _, at := range s.Places {
			if at.Line == 0 {
				continue
			}
			here := s
			here.File, here.Line = at.File, at.Line
			if i, ok := outlines[at.File].At(at.Line); ok && len(s.Places) > 1 {
				here.Stage = cmp.Or(outlines[at.File].Stages[i].Name, fmt.Sprintf("stage-%d", i))
			}
			written = append(written, here)
		}
	}
	return written
}

// runs sets how the step's program runs. Its Recipe is set already.
func (p *Step) runs(s graph.Step, planned plan.Plan, installs []platform.Platform) {
	p.On, p.Runs = s.Platform, planned.Programs[s.Digest].Mode
	switch {
	case p.Recipe != "":
		p.Runs = plan.Cross
	case platform.Contains(installs, p.On):
		p.Runs = plan.Emulated
	}
}

package solve

import (
	"slices"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/hints"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
)

// hintsFor returns the build as package hints needs it.
func (c decider) hintsFor(planned plan.Plan, graphs []graph.Graph, isolated bool) hints.Build {
	build := hints.Build{Isolated: isolated, Args: c.req.BuildArgs}
	if len(planned.Jobs) < len(graphs) {
		return hints.Build{}
	}
	for i, g := range graphs {
		p := hints.Platform{Platform: c.targets[i], Graph: g, Target: c.req.target(c.targets[i])}
		for d, program := range planned.Programs {
			if program.Emulated || planned.Jobs[i].Mode == plan.Impossible && !c.jobs[i].node.RunsUnasked(program.Platform) {
				if p.Emulated == nil {
					p.Emulated = hints.Steps{}
				}
				p.Emulated[d] = true
			}
		}
		build.Platforms = append(build.Platforms, p)
	}
	return build
}

// importantRules are the rules of the hints that a build prints before it begins: those about images that do not work or differ from what
// the Dockerfile says. The other hints are shown on request.
var importantRules = []string{"arg-default", "final-stage-pinned", "platform-of-stage", "compiled-once"}

// important returns the hints of those rules.
func (c decider) important(plan plan.Plan, graphs []graph.Graph) (found []diag.Diagnostic) {
	if len(c.targets) < 2 {
		return nil
	}
	for _, h := range hints.Of(c.hintsFor(plan, graphs, true)) {
		if slices.Contains(importantRules, h.Check) {
			found = append(found, h)
		}
	}
	return found
}

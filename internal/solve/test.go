package solve

import (
	"slices"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// tested are those of the platforms for which there are tests.
func (r Request) tested(targets []platform.Platform) []platform.Platform {
	var ps []platform.Platform
	for _, p := range targets {
		if len(r.testsOf(p)) > 0 {
			ps = append(ps, p)
		}
	}
	return ps
}

func (r Request) testsOf(p platform.Platform) []smoke.Test {
	return slices.DeleteFunc(slices.Clone(r.Tests), func(t smoke.Test) bool { return !t.For(p) })
}

// planOf is the plan in which a job is impossible also if the engine cannot run its tests, where BuildKit's own emulator is of no use.
func (c clearing) planOf(graphs []graph.Graph, status []emulation.Status) plan.Plan {
	on := c.placement(status)
	planned := plan.New(on, c.targets, graphs)
	for i := range planned.Jobs {
		j := &planned.Jobs[i]
		mode := on.Mode(i, j.Platform)
		if len(c.req.testsOf(j.Platform)) == 0 || mode != plan.Impossible && mode != plan.EmulatedBuilder {
			continue
		}
		j.ForTests = len(j.Missing) == 0
		j.Mode, j.Missing = plan.Impossible, append(j.Missing, j.Platform)
	}
	return planned
}

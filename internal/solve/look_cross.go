package solve

import (
	"cmp"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/hints"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// PlannedStage is a stage whose programs would be emulated, and what was decided about it, for the platforms for which that is the same.
type PlannedStage struct {
	Name, File string
	Line       int
	// Recipe moved it, or was asked first; "" if none is for it.
	Recipe string
	Moved  bool
	// Why it was not moved.
	Why recipe.Reason
	// Platforms that it is for, in canonical order.
	Platforms []platform.Platform
}

// plannedStages are those of all platforms, in the order of the Dockerfile's lines.
func plannedStages(plan plan.Plan, targets []platform.Platform) []PlannedStage {
	var stages []PlannedStage
	for i, moved := range plan.Moved {
		for _, s := range moved.Stages {
			p := PlannedStage{Name: s.Name, File: s.File, Line: s.Line, Recipe: s.Recipe, Moved: s.Moved, Why: s.Why}
			n := slices.IndexFunc(stages, p.same)
			if n < 0 {
				n, stages = len(stages), append(stages, p)
			}
			if !platform.Contains(stages[n].Platforms, targets[i]) {
				stages[n].Platforms = append(stages[n].Platforms, targets[i])
			}
		}
	}
	slices.SortStableFunc(stages, func(a, b PlannedStage) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	return stages
}

// same tells whether two are alike but for their platforms.
func (s PlannedStage) same(o PlannedStage) bool {
	return s.Name == o.Name && s.File == o.File && s.Line == o.Line && s.Recipe == o.Recipe && s.Moved == o.Moved && s.Why == o.Why
}

// trusting are hints to what was moved on trust, since it may have a platform built twice.
func trusting(plan plan.Plan, targets []platform.Platform) []hints.Hint {
	var all []hints.Hint
	for i, moved := range plan.Moved {
		for _, s := range moved.Stages {
			if why := s.Trusted; why != (recipe.Reason{}) {
				all = append(all, hints.Hint{
					Severity: "note", Rule: "trusted-command", File: why.File, Line: why.Line,
					Platforms: platform.FormatAll(targets[i : i+1]), Message: why.Message, Fix: why.Fix,
				})
			}
		}
	}
	return all
}

// betterThan leaves out the hints that something is compiled under an emulator, where what is said of its stage says more about it: why a
// recipe does not move it, and what to do. graphs are those before anything was moved.
func betterThan(all []hints.Hint, plan plan.Plan, graphs []graph.Graph) []hints.Hint {
	type place struct {
		file string
		line int
	}
	told := map[place]bool{}
	for i, moved := range plan.Moved {
		of := map[digest.Digest]bool{}
		for _, s := range moved.Stages {
			for _, d := range s.Steps {
				of[d] = of[d] || s.Why.Fix != ""
			}
		}
		for _, s := range graphs[i].Steps {
			if of[s.Digest] {
				told[place{s.File, s.Line}] = true
			}
		}
	}
	return slices.DeleteFunc(all, func(h hints.Hint) bool { return h.Rule == "emulated-compile" && told[place{h.File, h.Line}] })
}

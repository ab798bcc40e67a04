package lookahead

import (
	"cmp"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/hints"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Stage is a stage whose programs would be emulated, and what was decided about it, for the platforms for which that is the same.
type Stage struct {
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
func plannedStages(prospect solve.Prospect) []Stage {
	var stages []Stage
	for i, moved := range prospect.Plan.Moved {
		for _, s := range moved.Stages {
			p := Stage{Name: s.Name, File: s.File, Line: s.Line, Recipe: s.Recipe, Moved: s.Moved, Why: s.Why}
			n := slices.IndexFunc(stages, p.same)
			if n < 0 {
				n, stages = len(stages), append(stages, p)
			}
			if !platform.Contains(stages[n].Platforms, prospect.Targets[i]) {
				stages[n].Platforms = append(stages[n].Platforms, prospect.Targets[i])
			}
		}
	}
	slices.SortStableFunc(stages, func(a, b Stage) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	return stages
}

// same tells whether two are alike but for their platforms.
func (s Stage) same(o Stage) bool {
	return s.Name == o.Name && s.File == o.File && s.Line == o.Line && s.Recipe == o.Recipe && s.Moved == o.Moved && s.Why == o.Why
}

// trusting are hints to what was moved on trust, since it may have a platform built twice.
func trusting(prospect solve.Prospect) []hints.Hint {
	var all []hints.Hint
	for i, moved := range prospect.Plan.Moved {
		for _, s := range moved.Stages {
			if why := s.Trusted; why != (recipe.Reason{}) {
				all = append(all, hints.Hint{
					Severity: "note", Rule: "trusted-command", File: why.File, Line: why.Line,
					Platforms: platform.FormatAll(prospect.Targets[i : i+1]), Message: why.Message, Fix: why.Fix,
				})
			}
		}
	}
	return all
}

// betterThan leaves out the hints that something is compiled under an emulator, where what is said of its stage says more about it: why a
// recipe does not move it, and what to do.
func betterThan(all []hints.Hint, prospect solve.Prospect) []hints.Hint {
	type place struct {
		file string
		line int
	}
	told := map[place]bool{}
	for i, moved := range prospect.Plan.Moved {
		of := map[digest.Digest]bool{}
		for _, s := range moved.Stages {
			for _, d := range s.Steps {
				of[d] = of[d] || s.Why.Fix != ""
			}
		}
		for _, s := range prospect.Read[i].Steps {
			if of[s.Digest] {
				told[place{s.File, s.Line}] = true
			}
		}
	}
	return slices.DeleteFunc(all, func(h hints.Hint) bool { return h.Rule == "emulated-compile" && told[place{h.File, h.Line}] })
}

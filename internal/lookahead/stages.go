package lookahead

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Stage is a stage whose programs would be emulated, with the decision about it, for the platforms that have the same decision.
type Stage struct {
	cross.Stage // without its steps and trusted commands, which differ between platforms
	// Platforms are those of the stage, in canonical order.
	Platforms []platform.Platform
}

// plannedStages returns the stages of all platforms, in the order of the Dockerfile's lines.
func plannedStages(prospect solve.Prospect) []Stage {
	var stages []Stage
	for i, relocated := range prospect.Plan.Relocated {
		for _, s := range relocated.Stages {
			s.Steps, s.Trusted = nil, diag.Diagnostic{}
			n := slices.IndexFunc(stages, func(known Stage) bool { return reflect.DeepEqual(known.Stage, s) })
			if n < 0 {
				n, stages = len(stages), append(stages, Stage{Stage: s})
			}
			if !platform.Contains(stages[n].Platforms, prospect.Targets[i]) {
				stages[n].Platforms = append(stages[n].Platforms, prospect.Targets[i])
			}
		}
	}
	slices.SortStableFunc(stages, func(a, b Stage) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	return stages
}

// trusting returns hints about stages that are relocated on trust, since that may make a platform be built twice.
func trusting(prospect solve.Prospect) []diag.Diagnostic {
	var all []diag.Diagnostic
	for i, relocated := range prospect.Plan.Relocated {
		for _, s := range relocated.Stages {
			if why := s.Trusted; why.Found() {
				all = append(all, diag.Diagnostic{
					Severity: diag.Note, Check: "trusted-command", File: why.File, Line: why.Line,
					Platforms: platform.FormatAll(prospect.Targets[i : i+1]), Message: why.Message, Fix: why.Fix,
				})
			}
		}
	}
	return all
}

// dropExplained drops the hints that something is compiled under an emulator, if the decision about the stage is more precise: it has the reason why no
// recipe relocates the stage, and how to fix that.
func dropExplained(all []diag.Diagnostic, prospect solve.Prospect) []diag.Diagnostic {
	type place struct {
		file string
		line int
	}
	explained := map[place]bool{}
	for i, relocated := range prospect.Plan.Relocated {
		of := map[digest.Digest]bool{}
		for _, s := range relocated.Stages {
			for _, d := range s.Steps {
				of[d] = of[d] || s.Why.Helps()
			}
		}
		for _, s := range prospect.Read[i].Steps {
			if of[s.Digest] {
				explained[place{s.File, s.Line}] = true
			}
		}
	}
	return slices.DeleteFunc(all, func(h diag.Diagnostic) bool { return h.Check == "emulated-compile" && explained[place{h.File, h.Line}] })
}

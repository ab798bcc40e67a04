package solve

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/baseimage"
	"github.com/docker-multiarch/docker-multiarch/internal/dockerfile"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// PlannedStep is one step of a Dockerfile, for the platforms whose step it is: one that several share is there once.
type PlannedStep struct {
	File  string
	Line  int
	Stage string
	// Text is the instruction, with its variables' values where the frontend has put them.
	Text string
	// Runs is how its program runs: Native, Cross by a Recipe, Emulated, EmulatedBuilder or Impossible; "" if it runs none.
	Runs   plan.Mode
	Recipe string
	// On is the platform that its program runs on; zero if it runs none, or the builder's own without saying so.
	On platform.Platform
	// Platforms that it is for, in canonical order.
	Platforms []platform.Platform
}

// plannedSteps are those of the graphs that a Dockerfile has, in the order of its lines. What would be emulated once an emulator is
// installed is said to be emulated.
func plannedSteps(plan plan.Plan, targets []platform.Platform, graphs []graph.Graph, installs []platform.Platform) []PlannedStep {
	type key struct {
		program    digest.Digest
		file, text string
		line       int
	}
	var steps []PlannedStep
	at, recipes := map[key]int{}, plan.Recipes()
	for i, g := range graphs {
		for _, s := range writtenSteps(g) {
			p := PlannedStep{File: s.File, Line: s.Line, Stage: s.Stage, Text: instruction(s.Name)}
			k := key{file: p.File, text: p.Text, line: p.Line}
			if s.Kind == graph.Exec {
				k.program, p.Recipe = s.Digest, recipes[s.Digest]
				p.runs(s, plan, installs)
			}
			n, ok := at[k]
			if !ok {
				n = len(steps)
				at[k], steps = n, append(steps, p)
			}
			if last := len(steps[n].Platforms) - 1; last < 0 || !platform.Equal(steps[n].Platforms[last], targets[i]) {
				steps[n].Platforms = append(steps[n].Platforms, targets[i])
			}
		}
	}
	slices.SortStableFunc(steps, func(a, b PlannedStep) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	return steps
}

// writtenSteps are the steps that stand in a file: one that stands in several places, once for each, with the stage that is there.
func writtenSteps(g graph.Graph) (written []graph.Step) {
	outlines := map[string]dockerfile.File{}
	for name, text := range g.Texts {
		outlines[name], _ = dockerfile.Outline(text) // what another frontend reads has no stages that are known
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

// runs says how the step's program runs. Its Recipe is known.
func (p *PlannedStep) runs(s graph.Step, planned plan.Plan, installs []platform.Platform) {
	p.On, p.Runs = s.Platform, planned.Programs[s.Digest].Mode
	switch {
	case p.Recipe != "":
		p.Runs = plan.Cross
	case platform.Contains(installs, p.On):
		p.Runs = plan.Emulated
	}
}

var (
	namePrefix = regexp.MustCompile(`^(LINK )?\[[^\]]*\] `)
	pinnedTo   = regexp.MustCompile(`@sha256:[0-9a-f]{64}`)
)

// instruction is what the Dockerfile says, out of the frontend's name for a step.
func instruction(name string) string {
	first, _, more := strings.Cut(pinnedTo.ReplaceAllString(namePrefix.ReplaceAllString(name, ""), ""), "\n")
	if more {
		first += "…"
	}
	return first
}

// PlannedBase is an image that the build starts or copies from, at a line of its Dockerfile.
type PlannedBase struct {
	Name   string // as people write it
	Digest digest.Digest
	File   string
	Line   int
	// Offers are the platforms that it has, as far as that is known; Single says that it is an image of one, and no index.
	Offers []platform.Platform
	Single bool
	// For says for each platform that takes it whether it gets what it wants, in canonical order.
	For []BaseVerdict
}

// BaseVerdict is what a platform gets of a base image.
type BaseVerdict struct {
	Platform platform.Platform
	// Fetched is the platform that the image is fetched for: another one than Platform in a stage FROM --platform.
	Fetched platform.Platform
	// Verdict is "ok", "missing" (the image has nothing for it) or "mismatch" (its configuration is of another platform: Config).
	Verdict string
	Config  platform.Platform
}

// verdicts are by the base's targets.
func verdicts(b baseimage.Base) (verdicts []BaseVerdict) {
	for _, t := range b.Targets {
		verdict := BaseVerdict{Platform: t.Platform, Fetched: b.Platform, Verdict: "ok", Config: b.Config}
		if b.Mismatches() {
			verdict.Verdict = "mismatch"
		}
		verdicts = append(verdicts, verdict)
	}
	return verdicts
}

// plannedBases is the matrix of base images and platforms.
func plannedBases(ctx context.Context, v survey) []PlannedBase {
	var planned []PlannedBase
	row := func(name, file string, line int, offer func(context.Context, baseimage.At) baseimage.Offer) int {
		name = baseimage.Familiar(name)
		i := slices.IndexFunc(planned, func(p PlannedBase) bool { return p.Name == name && p.File == file && p.Line == line })
		if i >= 0 {
			return i
		}
		o := offer(ctx, v.at)
		planned = append(planned, PlannedBase{Name: name, Digest: o.Digest, File: file, Line: line, Offers: o.Platforms, Single: o.Single})
		return len(planned) - 1
	}
	for _, b := range v.bases {
		for _, at := range b.Places {
			n := row(b.Name, at.File, at.Line, b.Offer)
			planned[n].For = append(planned[n].For, verdicts(b)...)
		}
	}
	for _, l := range v.lacks {
		n := row(l.Name, l.File, l.Line, l.Offer)
		for _, p := range l.Platforms() {
			planned[n].For = append(planned[n].For, BaseVerdict{Platform: p, Fetched: p, Verdict: "missing"})
		}
	}
	for _, p := range planned {
		slices.SortFunc(p.For, func(a, b BaseVerdict) int { return platform.Compare(a.Platform, b.Platform) })
	}
	slices.SortStableFunc(planned, func(a, b PlannedBase) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	return planned
}

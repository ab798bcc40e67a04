package clitest

import (
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/lookahead"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// RelocatedOutlook returns a plan for three platforms. linux/arm64 and linux/arm/v7 have a relocated stage; linux/arm64 also has one that is
// not relocated.
func RelocatedOutlook() lookahead.Outlook {
	steps := func(d digest.Digest) []cross.Step {
		return []cross.Step{{Digest: "sha256:mod", Recipe: "go"}, {Digest: d, Recipe: "go", Edited: true}}
	}
	relocated := cross.Stage{Name: "build", File: "Dockerfile", Line: 1, Recipe: "go", Relocated: true}
	emulated := cross.Stage{Name: "native", File: "Dockerfile", Line: 4, Recipe: "go", Why: MayUseCgo}
	result := cross.Stage{Name: "stage-2", File: "Dockerfile", Line: 7, Why: recipe.Refusal{Diagnostic: diag.Diagnostic{Check: "result"}}}
	run := func(line int, stage, text string, runs plan.Mode, by string, on platform.Platform, ps ...platform.Platform) lookahead.Step {
		return lookahead.Step{File: "Dockerfile", Line: line, Stage: stage, Text: text, Runs: runs, Recipe: by, On: on, Platforms: ps}
	}
	native := plan.Program{Step: graph.Step{Platform: AMD64}, Mode: plan.Native}
	return lookahead.Outlook{
		Plan: plan.Plan{
			Jobs: []plan.Job{
				{Node: "default", Platform: AMD64, Mode: plan.Native},
				{Node: "default", Platform: ARMv7, Mode: plan.Cross},
				{Node: "default", Platform: ARM64, Mode: plan.Emulated, Emulator: "qemu 7.2.22"},
			},
			Programs: map[digest.Digest]plan.Program{"sha256:mod": native, "sha256:arm": native, "sha256:arm64": native},
			Relocated: []cross.Relocated{
				{},
				{Steps: steps("sha256:arm"), Stages: []cross.Stage{relocated}},
				{Steps: steps("sha256:arm64"), Stages: []cross.Stage{relocated, emulated, result}},
			},
		},
		Steps: []lookahead.Step{
			run(2, "build", "RUN go mod download", plan.Cross, "go", AMD64, AMD64, ARMv7, ARM64),
			run(3, "build", "RUN go build ./a", plan.Native, "", AMD64, AMD64),
			run(3, "build", "RUN go build ./a", plan.Cross, "go", AMD64, ARMv7),
			run(3, "build", "RUN go build ./a", plan.Cross, "go", AMD64, ARM64),
			run(5, "native", "RUN go build ./b", plan.Emulated, "", ARM64, ARM64),
			{File: "Dockerfile", Line: 8, Stage: "stage-2", Text: "COPY --from=build /a /a", Platforms: []platform.Platform{AMD64, ARMv7, ARM64}},
		},
		Stages: []lookahead.Stage{
			{Stage: relocated, Platforms: []platform.Platform{ARMv7, ARM64}},
			{Stage: emulated, Platforms: []platform.Platform{ARM64}},
			{Stage: result, Platforms: []platform.Platform{ARM64}},
		},
	}
}

// Platforms, and reasons why a stage is not relocated.
var (
	AMD64     = platform.Platform{OS: "linux", Architecture: "amd64"}
	ARM64     = platform.Platform{OS: "linux", Architecture: "arm64"}
	ARMv7     = platform.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}
	MayUseCgo = recipe.Refusal{Diagnostic: diag.Diagnostic{
		Check: "cgo", Message: "RUN go build may use cgo", Fix: "set CGO_ENABLED=0 where the program does not need C", File: "Dockerfile", Line: 5,
	}}
)

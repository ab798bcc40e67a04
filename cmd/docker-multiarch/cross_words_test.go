package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/crosscompile"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/lookahead"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

var (
	amd64 = platform.Platform{OS: "linux", Architecture: "amd64"}
	arm64 = platform.Platform{OS: "linux", Architecture: "arm64"}
	armV7 = platform.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}
	cgo   = recipe.Reason{Check: "cgo", Message: "RUN go build may use cgo", Fix: "set CGO_ENABLED=0 where the program does not need C", File: "Dockerfile", Line: 5}
)

// crossed is a plan for three platforms: linux/arm64 and linux/arm/v7 have a stage that is moved, linux/arm64 one that is not as well.
func crossed() lookahead.Outlook {
	steps := func(d digest.Digest) []cross.Step {
		return []cross.Step{{Digest: "sha256:mod", Recipe: "go"}, {Digest: d, Recipe: "go", Edited: true}}
	}
	moved := cross.Stage{Name: "build", File: "Dockerfile", Line: 1, Recipe: "go", Moved: true}
	stays := cross.Stage{Name: "native", File: "Dockerfile", Line: 4, Recipe: "go", Why: cgo}
	result := cross.Stage{Name: "stage-2", File: "Dockerfile", Line: 7, Why: recipe.Reason{Check: "result"}}
	run := func(line int, stage, text string, runs plan.Mode, by string, on platform.Platform, ps ...platform.Platform) lookahead.Step {
		return lookahead.Step{File: "Dockerfile", Line: line, Stage: stage, Text: text, Runs: runs, Recipe: by, On: on, Platforms: ps}
	}
	native := plan.Program{Step: graph.Step{Platform: amd64}, Mode: plan.Native}
	return lookahead.Outlook{
		Plan: plan.Plan{
			Jobs: []plan.Job{
				{Node: "default", Platform: amd64, Mode: plan.Native},
				{Node: "default", Platform: armV7, Mode: plan.Cross},
				{Node: "default", Platform: arm64, Mode: plan.Emulated, Emulator: "qemu 7.2.22"},
			},
			Programs: map[digest.Digest]plan.Program{"sha256:mod": native, "sha256:arm": native, "sha256:arm64": native},
			Moved: []cross.Moved{
				{},
				{Steps: steps("sha256:arm"), Stages: []cross.Stage{moved}},
				{Steps: steps("sha256:arm64"), Stages: []cross.Stage{moved, stays, result}},
			},
		},
		Steps: []lookahead.Step{
			run(2, "build", "RUN go mod download", plan.Cross, "go", amd64, amd64, armV7, arm64),
			run(3, "build", "RUN go build ./a", plan.Native, "", amd64, amd64),
			run(3, "build", "RUN go build ./a", plan.Cross, "go", amd64, armV7),
			run(3, "build", "RUN go build ./a", plan.Cross, "go", amd64, arm64),
			run(5, "native", "RUN go build ./b", plan.Emulated, "", arm64, arm64),
			{File: "Dockerfile", Line: 8, Stage: "stage-2", Text: "COPY --from=build /a /a", Platforms: []platform.Platform{amd64, armV7, arm64}},
		},
		Stages: []lookahead.Stage{
			{Name: "build", File: "Dockerfile", Line: 1, Recipe: "go", Moved: true, Platforms: []platform.Platform{armV7, arm64}},
			{Name: "native", File: "Dockerfile", Line: 4, Recipe: "go", Why: cgo, Platforms: []platform.Platform{arm64}},
			{Name: "stage-2", File: "Dockerfile", Line: 7, Why: recipe.Reason{Check: "result"}, Platforms: []platform.Platform{arm64}},
		},
	}
}

func TestAPlanSaysWhatIsMovedAndWhyTheRestIsNot(t *testing.T) {
	var out strings.Builder
	printPlan(&out, shownPlan(job{}, crossed()))
	want := `PLATFORM       NODE      HOW
linux/amd64    default   native
linux/arm/v7   default   cross (go)
linux/arm64    default   emulated (qemu 7.2.22), cross (go)

LINE           STAGE     STEP                      RUNS                               FOR
Dockerfile:2   build     RUN go mod download       cross (go), once, on linux/amd64   all 3
Dockerfile:3   build     RUN go build ./a          native                             linux/amd64
Dockerfile:3   build     RUN go build ./a          cross (go), on linux/amd64         linux/arm/v7
Dockerfile:3   build     RUN go build ./a          cross (go), on linux/amd64         linux/arm64
Dockerfile:5   native    RUN go build ./b          emulated                           linux/arm64
Dockerfile:8   stage-2   COPY --from=build /a /a   no program                         all 3

EMULATED STAGES
Dockerfile:5: stage native: RUN go build may use cgo (cgo) [linux/arm64]
    set CGO_ENABLED=0 where the program does not need C
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestStepsAndStagesOfAPlanAsJSON(t *testing.T) {
	s := shownPlan(job{}, crossed())
	steps, _ := json.Marshal(s.Steps[2])
	stages, _ := json.Marshal(s.Stages[:2])
	want := `{"file":"Dockerfile","line":3,"stage":"build","step":"RUN go build ./a","runs":"cross","recipe":"go","on":"linux/amd64","platforms":["linux/arm/v7"]}
[{"file":"Dockerfile","line":1,"stage":"build","moved":true,"recipe":"go","platforms":["linux/arm/v7","linux/arm64"]},` +
		`{"file":"Dockerfile","line":4,"stage":"native","moved":false,"recipe":"go","check":"cgo","message":"RUN go build may use cgo",` +
		`"fix":"set CGO_ENABLED=0 where the program does not need C","reasonLine":5,"platforms":["linux/arm64"]}]`
	if diff := cmp.Diff(want, string(steps)+"\n"+string(stages)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatIsMovedIsSaidOnceForAllPlatforms(t *testing.T) {
	want := []string{"linux/arm/v7, linux/arm64: stage build runs on linux/amd64 (go), not under an emulator"}
	if diff := cmp.Diff(want, movedLines(crossed().Plan)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatIsMovedOnTrustIsSaidBeforehand(t *testing.T) {
	plan := crossed().Plan
	plan.Moved[1].Stages[0].Trusted = recipe.Reason{Check: "trusted", Message: "RUN make is trusted", Fix: "it may be built a second time"}
	want := []string{
		"linux/arm/v7, linux/arm64: stage build runs on linux/amd64 (go), not under an emulator",
		"linux/arm/v7: RUN make is trusted; it may be built a second time",
	}
	if diff := cmp.Diff(want, movedLines(plan)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAfterALongBuildARecipeIsOfferedThatIsNotNamed(t *testing.T) {
	r := ran()
	why := recipe.Reason{Check: "no-recipe", Message: "recipe node, which is for what it does, is used by name only", Fix: "--cross=auto,node moves it"}
	for i := range r.Platforms {
		r.Platforms[i].Cross = crosscompile.Report{Stages: []cross.Stage{{Name: "assets", Why: why}}}
	}
	want := []string{
		"linux/arm64, linux/s390x: stage assets ran under an emulator, since recipe node, which is for what it does, is used by name only; --cross=auto,node moves it",
	}
	if diff := cmp.Diff(want, crossLines(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// ran is the report of such a build.
func ran() solve.Report {
	moved := cross.Stage{Name: "build", File: "Dockerfile", Line: 1, Recipe: "go", Moved: true}
	stays := cross.Stage{File: "Dockerfile", Line: 4, Recipe: "go", Why: cgo}
	step := crosscompile.Step{Recipe: "go", Stage: "build", Text: "RUN go build ./a", File: "Dockerfile", Line: 3, Seconds: 6.5004}
	return solve.Report{Platforms: []solve.PlatformReport{
		{Platform: amd64, Mode: plan.Native, Seconds: 5},
		{Platform: armV7, Mode: plan.Cross, Seconds: 7, Cross: crosscompile.Report{Steps: []crosscompile.Step{step}, Stages: []cross.Stage{moved}, Avoided: 100.4}},
		{
			Platform: arm64, Mode: plan.Emulated, Emulator: "qemu 7.2.22", Seconds: 70,
			Cross: crosscompile.Report{Steps: []crosscompile.Step{step}, Stages: []cross.Stage{moved, stays}, Avoided: 28},
		},
		{
			Platform: platform.Platform{OS: "linux", Architecture: "s390x"}, Mode: plan.Emulated, Seconds: 80,
			Cross: crosscompile.Report{Stages: []cross.Stage{moved, stays}, Back: `"RUN go build ./a" failed`},
		},
	}}
}

func TestAfterABuildItIsSaidWhatWasSavedAndWhatCouldBe(t *testing.T) {
	want := []string{
		"About 128 s of emulation avoided.",
		`linux/s390x: built again under emulation: "RUN go build ./a" failed`,
		"linux/arm64, linux/s390x: the stage at Dockerfile:4 ran under an emulator, since RUN go build may use cgo; " +
			"set CGO_ENABLED=0 where the program does not need C",
	}
	if diff := cmp.Diff(want, crossLines(ran())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	clitest.Contains(t, outcome{report: ran()}.markdown(), "| cross (go) 7.0s |", "| emulated (qemu 7.2.22), cross (go) 70.0s |", "\n- About 128 s of emulation avoided.\n")
	short := ran()
	for i := range short.Platforms {
		p := &short.Platforms[i]
		p.Seconds, p.Cross.Avoided, p.Cross.Back = 2, 0, ""
	}
	if got := crossLines(short); len(got) > 0 {
		t.Errorf("of a build that took no time: %q", got)
	}
}

func TestMetadataSayWhichStepsRanOnTheBuildersPlatform(t *testing.T) {
	var got []string
	for _, p := range ran().Platforms[1:] {
		data, err := json.Marshal(newPlatformMetadata(p).Cross)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(data))
	}
	step := `{"steps":[{"file":"Dockerfile","line":3,"stage":"build","step":"RUN go build ./a","recipe":"go","seconds":6.5}],`
	moved := `"stages":[{"file":"Dockerfile","line":1,"stage":"build","moved":true,"recipe":"go"}`
	stays := `{"file":"Dockerfile","line":4,"moved":false,"recipe":"go","check":"cgo","message":"RUN go build may use cgo",` +
		`"fix":"set CGO_ENABLED=0 where the program does not need C"}]`
	want := []string{
		step + moved + `],"avoided":100}`,
		step + moved + "," + stays + `,"avoided":28}`,
		`{"steps":[],` + strings.Replace(moved, "true", "false", 1) + "," + stays + `,"back":"\"RUN go build ./a\" failed"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if m := newPlatformMetadata(ran().Platforms[0]); m.Cross != nil {
		t.Errorf("of a native platform: %+v", m.Cross)
	}
}

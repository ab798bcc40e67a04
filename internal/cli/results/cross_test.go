package results

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/crosscompile"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestARelocatedStageIsListedOnceWithItsPlatforms(t *testing.T) {
	want := []string{"linux/arm/v7, linux/arm64: stage build runs on linux/amd64 (go), not under an emulator"}
	if diff := cmp.Diff(want, RelocatedLines(clitest.RelocatedOutlook().Plan)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestATrustedCommandIsListedWithItsRisk(t *testing.T) {
	plan := clitest.RelocatedOutlook().Plan
	plan.Relocated[1].Stages[0].Trusted = diag.Diagnostic{Check: "trusted", Message: "RUN make is trusted", Fix: "it may be built a second time"}
	want := []string{
		"linux/arm/v7, linux/arm64: stage build runs on linux/amd64 (go), not under an emulator",
		"linux/arm/v7: RUN make is trusted; it may be built a second time",
	}
	if diff := cmp.Diff(want, RelocatedLines(plan)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAStageThatAttestationsKeepEmulatedIsListedWithTheFlag(t *testing.T) {
	plan := clitest.RelocatedOutlook().Plan
	plan.Relocated[1].Stages[0] = cross.Stage{Name: "build", Recipe: "go", Why: recipe.Refusal{
		Diagnostic: diag.Diagnostic{Check: crosscompile.CheckAttested, Message: "the build has attestations"}, Naming: recipe.Naming{Choice: "go"},
	}}
	want := []string{
		"linux/arm/v7: stage build runs under an emulator, since the build has attestations; --cross=go relocates it anyway",
		"linux/arm64: stage build runs on linux/amd64 (go), not under an emulator",
	}
	if diff := cmp.Diff(want, RelocatedLines(plan)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAfterALongBuildARecipeIsOfferedThatIsNotNamed(t *testing.T) {
	r := ran()
	why := recipe.Refusal{
		Diagnostic: diag.Diagnostic{Check: "no-recipe", Message: "recipe node fits its commands, and is used by name only"},
		Naming:     recipe.Naming{Choice: "auto,node", If: "it makes nothing but bundles"},
	}
	for i := range r.Platforms {
		r.Platforms[i].Cross = crosscompile.Report{Stages: []cross.Stage{{Name: "assets", Why: why}}}
	}
	want := []string{
		"linux/arm64, linux/s390x: stage assets ran under an emulator, since recipe node fits its commands, and is used by name only; " +
			"--cross=auto,node relocates it, if it makes nothing but bundles",
	}
	if diff := cmp.Diff(want, CrossLines(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// ran returns the report of a build with relocated stages.
func ran() solve.Report {
	moved := cross.Stage{Name: "build", File: "Dockerfile", Line: 1, Recipe: "go", Relocated: true}
	stays := cross.Stage{File: "Dockerfile", Line: 4, Recipe: "go", Why: clitest.MayUseCgo}
	step := crosscompile.Step{Recipe: "go", Stage: "build", Text: "RUN go build ./a", File: "Dockerfile", Line: 3, Seconds: 6.5004}
	return solve.Report{Platforms: []solve.PlatformReport{
		{Platform: clitest.AMD64, Mode: plan.Native, Seconds: 5},
		{Platform: clitest.ARMv7, Mode: plan.Cross, Seconds: 7, Cross: crosscompile.Report{Steps: []crosscompile.Step{step}, Stages: []cross.Stage{moved}, Avoided: 100.4}},
		{
			Platform: clitest.ARM64, Mode: plan.Emulated, Emulator: "qemu 7.2.22", Seconds: 70,
			Cross: crosscompile.Report{Steps: []crosscompile.Step{step}, Stages: []cross.Stage{moved, stays}, Avoided: 28},
		},
		{
			Platform: platform.Platform{OS: "linux", Architecture: "s390x"}, Mode: plan.Emulated, Seconds: 80,
			Cross: crosscompile.Report{Stages: []cross.Stage{moved, stays}, Fallback: `"RUN go build ./a" failed`},
		},
	}}
}

func TestABuildReportsTheTimeSavedAndWhatWouldSaveMore(t *testing.T) {
	want := []string{
		"About 128 s of emulation avoided.",
		`linux/s390x: built again under emulation: "RUN go build ./a" failed`,
		"linux/arm64, linux/s390x: the stage at Dockerfile:4 ran under an emulator, since RUN go build may use cgo; " +
			"set CGO_ENABLED=0 where the program does not need C",
	}
	if diff := cmp.Diff(want, CrossLines(ran())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	clitest.Contains(t, Outcome{Report: ran()}.markdown(), "| cross (go) 7.0s |", "| emulated (qemu 7.2.22), cross (go) 70.0s |", "\n- About 128 s of emulation avoided.\n")
	short := ran()
	for i := range short.Platforms {
		p := &short.Platforms[i]
		p.Seconds, p.Cross.Avoided, p.Cross.Fallback = 2, 0, ""
	}
	if got := CrossLines(short); len(got) > 0 {
		t.Errorf("of a build that took no time: %q", got)
	}
}

func TestTheMetadataHaveTheRelocatedSteps(t *testing.T) {
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

func TestAdviceNamesTheRecipeWithTheFlag(t *testing.T) {
	for name, tt := range map[string]struct {
		why  recipe.Refusal
		want string
	}{
		"a change of the Dockerfile": {clitest.MayUseCgo, "set CGO_ENABLED=0 where the program does not need C"},
		"the recipe's name":          {recipe.Refusal{Naming: recipe.Naming{Choice: "go"}}, "--cross=go relocates it anyway"},
		"a name with a condition":    {recipe.Refusal{Naming: recipe.Naming{Choice: "auto,java", If: "it is 1"}}, "--cross=auto,java relocates it, if it is 1"},
		"a name that does not help": {
			recipe.Refusal{Naming: recipe.Naming{Choice: "go", Still: diag.Diagnostic{Message: "it is 2", Fix: "make it 3"}}},
			"--cross=go would not relocate it either: it is 2 (make it 3)",
		},
		"nothing": {},
	} {
		if got := CrossFix(tt.why); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

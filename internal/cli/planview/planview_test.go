package planview

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/lookahead"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

func TestAPlanShowsRelocatedStagesAndWhyOthersStayEmulated(t *testing.T) {
	var out strings.Builder
	Print(&out, Of(solve.Request{}, clitest.RelocatedOutlook()))
	want := `PLATFORM       NODE      BUILD
linux/amd64    default   native
linux/arm/v7   default   cross (go)
linux/arm64    default   emulated (qemu 7.2.22), cross (go)

LINE           STAGE     STEP                      RUNS                               PLATFORMS
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

func TestAStageWithoutANameIsNamedByItsPlaceOnce(t *testing.T) {
	stage := lookahead.Stage{}
	stage.File, stage.Line = "Dockerfile", 4
	stage.Why.Check, stage.Why.Message = "result", "it becomes the image's own file system"
	elsewhere := stage
	elsewhere.Why.Line = 6
	got := emulatedStages([]lookahead.Stage{stage, elsewhere})
	if want := "Dockerfile:4: it becomes the image's own file system"; got[0].String() != want {
		t.Errorf("got %q, want %q", got[0], want)
	}
	if want := "Dockerfile:6: the stage at Dockerfile:4: it becomes the image's own file system"; got[1].String() != want {
		t.Errorf("got %q, want %q", got[1], want)
	}
}

func TestStepsAndStagesOfAPlanAsJSON(t *testing.T) {
	s := Of(solve.Request{}, clitest.RelocatedOutlook())
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

func TestAPlanHasItsDiagnosticsAsRowsAndAsLines(t *testing.T) {
	refused := preflight.Refusal("registry", errors.New("denied"))
	s := Of(solve.Request{}, lookahead.Outlook{
		Findings: []diag.Diagnostic{
			refused,
			{Check: "base-mismatch", Severity: diag.Warning, Platforms: []string{"linux/386"}, File: "Dockerfile", Line: 1, Message: "for linux/amd64", Fix: "take another"},
		},
		Hints: []diag.Diagnostic{
			{Check: "copy-link", Severity: diag.Note, File: "Dockerfile", Line: 2, Message: "copied for each", Fix: "COPY --link"},
			{Check: "cache-mount-shared", Severity: diag.Warning, File: "Dockerfile", Line: 3, Platforms: []string{"linux/amd64"}, Message: "shared", Fix: "id=NAME"},
		},
		Lint: []diag.Diagnostic{{Check: "FromAsCasing", Severity: diag.Warning, File: "Dockerfile", Line: 1, Message: "do not match", URL: "https://docs.example"}},
	})
	findings, _ := json.Marshal(s.Findings)
	hints, _ := json.Marshal(s.Hints)
	lint, _ := json.Marshal(s.Lint)
	want := `[{"severity":"error","check":"registry","message":"denied"},` +
		`{"severity":"warning","check":"base-mismatch","platforms":["linux/386"],"file":"Dockerfile","line":1,"message":"for linux/amd64","fix":"take another"}]
[{"severity":"note","rule":"copy-link","file":"Dockerfile","line":2,"message":"copied for each","fix":"COPY --link"},` +
		`{"severity":"warning","rule":"cache-mount-shared","file":"Dockerfile","line":3,"platforms":["linux/amd64"],` +
		`"message":"shared","fix":"id=NAME; or --cache-mounts=isolated"}]
[{"rule":"FromAsCasing","file":"Dockerfile","line":1,"message":"do not match","url":"https://docs.example"}]`
	if diff := cmp.Diff(want, string(findings)+"\n"+string(hints)+"\n"+string(lint)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var out strings.Builder
	Print(&out, s)
	want = `
HINTS
Dockerfile:2: note: copied for each (copy-link)
    COPY --link
Dockerfile:3: warning: shared (cache-mount-shared) [linux/amd64]
    id=NAME; or --cache-mounts=isolated
Dockerfile:1: warning: do not match (FromAsCasing)

WARNINGS
Dockerfile:1: warning: for linux/amd64 (base-mismatch) [linux/386]
    take another

BLOCKERS
error: denied (registry)
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheTableOfStepsLeavesOutMounts(t *testing.T) {
	for step, want := range map[string]string{
		"RUN --mount=type=cache,target=/root/.cache/go-build \t--mount=type=cache,target=/go/pkg/mod \tgo build ./...": "RUN go build ./...",
		"RUN --network=none --mount=type=tmpfs,target=/t make\t-C  src":                                                "RUN --network=none make -C src",
		"RUN tool --mount=x":   "RUN tool --mount=x",
		"COPY --from=b /b\t/b": "COPY --from=b /b /b",
		"RUN":                  "RUN",
		"":                     "",
	} {
		var out bytes.Buffer
		Print(&out, Plan{Steps: []stepRow{{File: "Dockerfile", Line: 1, Stage: "s", Step: step, Platforms: []string{"linux/amd64"}}}})
		_, row, _ := strings.Cut(out.String(), "Dockerfile:1")
		if got := strings.Split(strings.Join(strings.Fields(row), " "), " no program")[0]; got != strings.TrimSpace("s "+want) {
			t.Errorf("%q: %q", step, got)
		}
	}
}

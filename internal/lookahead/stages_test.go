package lookahead

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/internal/testkit"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

const partlyCompiling = `FROM golang AS build
COPY hello .
RUN go mod download
RUN CGO_ENABLED=0 go build -o /out/app .
FROM golang AS cgo
RUN CGO_ENABLED=1 go build -o /out/c .
FROM golang AS unknown
RUN make
FROM alpine
RUN cargo build
COPY --from=build /out/app /
COPY --from=cgo /out/c /
COPY --from=unknown /out/m /
`

func TestAPlanShowsRelocatedStagesAndWhyOthersStayEmulated(t *testing.T) {
	w := newGoHarness(t, partlyCompiling)
	o := w.predicted()
	steps := strings.Join(stepLines(o), "\n")
	testkit.Contains(t, steps,
		"3 build: RUN go mod download: cross linux/amd64 for linux/amd64, linux/arm/v7, linux/arm64\n",
		"4 build: RUN CGO_ENABLED=0 go build -o /out/app .: native linux/amd64 for linux/amd64\n",
		"4 build: RUN CGO_ENABLED=0 go build -o /out/app .: cross linux/amd64 for linux/arm64\n",
		"6 cgo: RUN CGO_ENABLED=1 go build -o /out/c .: emulated linux/arm64 for linux/arm64\n",
	)
	var stages, hints []string
	for _, s := range o.Stages {
		stages = append(stages, fmt.Sprintf("%d %s %s %v %s %v for %s", s.Line, s.Name, s.Recipe, s.Relocated, s.Why.Check, s.Why.Helps(), strings.Join(platform.FormatAll(s.Platforms), ", ")))
	}
	for _, h := range o.Hints {
		hints = append(hints, fmt.Sprintf("%d %s", h.Line, h.Check))
	}
	both := " for linux/arm/v7, linux/arm64"
	want := []string{
		"1 build go true  false" + both, "5 cgo go false cgo true" + both, "7 unknown go false command true" + both, "9 stage-3  false result false" + both,
	}
	if diff := cmp.Diff(want, stages); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
	// A fix that is part of a stage's reason is not repeated in a hint.
	if diff := cmp.Diff([]string{"10 emulated-compile"}, hints); diff != "" {
		t.Errorf("hints (-want +got):\n%s", diff)
	}
	w.req.Cross = cross.Choice{}
	off := w.predicted()
	if len(off.Stages) > 0 || len(off.Hints) != 4 {
		t.Errorf("turned off: %d stages, %d hints", len(off.Stages), len(off.Hints))
	}
}

func TestAPlanOfABuildWithAttestationsRelocatesNothing(t *testing.T) {
	w := newGoHarness(t, compiling)
	w.req.Attests = map[string]string{"provenance": "type=provenance"}
	o := w.predicted()
	if len(o.Stages) != 1 || o.Stages[0].Name != "build" || o.Stages[0].Line != 1 || o.Stages[0].Why.Check != "attested" || len(o.Stages[0].Platforms) != 2 {
		t.Errorf("%+v", o.Stages)
	}
}

func TestAPlanHasAHintAboutATrustedCommand(t *testing.T) {
	w := newGoHarness(t, "FROM golang AS build\nENV CGO_ENABLED=0\nRUN make\nFROM alpine\nCOPY --from=build /out/app /\n")
	w.req.Cross = cross.Choice{Named: []cross.Named{{Recipe: "go"}}}
	var trusted []string
	for _, h := range w.predicted().Hints {
		trusted = append(trusted, fmt.Sprint(h.Check, " ", h.Line, " ", h.Platforms))
	}
	if diff := cmp.Diff([]string{"trusted-command 3 [linux/arm/v7]", "trusted-command 3 [linux/arm64]"}, trusted); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The frontend answers questions about a Dockerfile for its own platform, with the arguments of the platform that asks.
func TestABaseChosenByPlatformIsNotAFinding(t *testing.T) {
	w := newGoHarness(t, "ARG ARCH=arm64\n"+strings.Replace(compiling, "FROM alpine", "FROM alpine:$ARCH", 1))
	w.platforms("linux/arm64,linux/arm/v7")
	w.req.Own = map[string]solve.Own{}
	for _, p := range w.req.Platforms {
		w.req.Own[platform.Format(p)] = solve.Own{BuildArgs: map[string]string{"ARCH": p.Architecture}}
	}
	w.Image = func(name string, p platform.Platform) (platform.Platform, error) {
		if _, arch, ok := strings.Cut(name, "alpine:"); ok {
			return platform.Platform{OS: "linux", Architecture: arch}, nil
		}
		return p, nil
	}
	if o := w.predicted(); len(o.Lint) > 0 || o.Refused(w.req) {
		t.Errorf("%+v, %v", o.Lint, o.Findings)
	}
	answers, err := solve.Ask(t.Context(), w.req, w.env, solve.LintQuestion)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range answers {
		if status := string(a.Values["result.statuscode"]); status != "0" {
			t.Errorf("a check for %s has status %s: %s", platform.Format(a.Platform), status, a.Values["result.txt"])
		}
	}
}

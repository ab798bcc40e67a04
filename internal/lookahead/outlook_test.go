package lookahead

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/crosscompile"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/internal/testkit"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func stepLines(o Outlook) (lines []string) {
	for _, s := range o.Steps {
		lines = append(lines, fmt.Sprintf("%d %s: %s: %s %s for %s", s.Line, s.Stage, s.Text, s.Runs, platform.Format(s.On), strings.Join(platform.FormatAll(s.Platforms), ", ")))
	}
	return lines
}

func TestAPlanShowsWhereEachStepWouldRun(t *testing.T) {
	w := newHarness(t, "FROM --platform=$BUILDPLATFORM golang AS build\nRUN fetch\nARG TARGETARCH\nRUN GOARCH=$TARGETARCH go build\nFROM alpine\nRUN apk add x\nCOPY --from=build /x /\n")
	w.platforms("linux/amd64,linux/arm64,linux/s390x")
	w.kernel = map[string]emulation.Mode{"arm64": foreign["arm64"]}
	o := w.predicted()
	want := "linux/amd64 on default: native\nlinux/arm64 on default: emulated\nlinux/s390x on default: impossible\n"
	if diff := cmp.Diff(want, o.Plan.String()); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"linux/s390x"}, platform.FormatAll(o.Installs)); diff != "" {
		t.Errorf("installs (-want +got):\n%s", diff)
	}
	got := strings.Join(stepLines(o), "\n")
	testkit.Contains(t, got,
		"2 build: RUN fetch: native linux/amd64 for linux/amd64, linux/arm64, linux/s390x",
		"4 build: RUN GOARCH=s390x go build: native linux/amd64 for linux/s390x",
		"6 stage-1: RUN apk add x: native linux/amd64 for linux/amd64\n",
		"6 stage-1: RUN apk add x: emulated linux/arm64 for linux/arm64\n",
		"6 stage-1: RUN apk add x: emulated linux/s390x for linux/s390x\n",
		"7 stage-1: COPY --from=build /x /:  unknown for linux/amd64, linux/arm64, linux/s390x",
	)
	if o.Refused(w.req) {
		t.Errorf("refused: %v", o.Findings)
	}
}

func TestAPlanNamesAllBlockers(t *testing.T) {
	w := newHarness(t, "FROM one\nRUN make\n")
	w.platforms("linux/amd64,linux/arm64")
	index := w.basesHave(amd64Only)
	w.preflight = func(context.Context) error { return errors.New("no push") }
	o := w.predicted()
	want := []string{`Dockerfile:1: base image "one:latest" is not available for linux/arm64, only for linux/amd64`, "no push"}
	if diff := cmp.Diff(want, w.texts(o.Findings)); diff != "" || !o.Refused(w.req) {
		t.Errorf("refused: %v (-want +got):\n%s", o.Refused(w.req), diff)
	}
	if diff := cmp.Diff([]string{"linux/arm64"}, platform.FormatAll(o.Unread)); diff != "" {
		t.Errorf("unread (-want +got):\n%s", diff)
	}
	base := o.Bases[0]
	verdicts := fmt.Sprint(base.For[0].Verdict, " ", base.For[1].Verdict, " ", strings.Join(platform.FormatAll(base.Available), ", "), " ", base.Digest == index)
	if verdicts != "ok missing linux/amd64 true" {
		t.Errorf("%s", verdicts)
	}
}

func TestAPlanHasTheFrontendsOwnFindingsOnceForEachDockerfile(t *testing.T) {
	w := newHarness(t, "FROM alpine as base\nRUN make\n")
	o := w.predicted()
	if len(o.Lint) != 1 || o.Lint[0].Check != "FromAsCasing" || o.Lint[0].Line != 1 || o.Lint[0].File != "Dockerfile" {
		t.Errorf("%+v", o.Lint)
	}
	if len(o.Hints) != 1 || o.Hints[0].Check != "emulated-compile" || o.Hints[0].Line != 2 {
		t.Errorf("%+v", o.Hints)
	}
}

func TestAPlanShowsASharedStepAtEachOfItsLines(t *testing.T) {
	w := newHarness(t, "FROM alpine AS first\nRUN make\nFROM alpine AS second\nCOPY --from=first /a /a\nFROM alpine\nCOPY --from=second /a /a\n")
	o := w.predicted()
	var froms []string
	for _, s := range o.Steps {
		if strings.HasPrefix(s.Text, "FROM") {
			froms = append(froms, fmt.Sprintf("%d %s", s.Line, s.Stage))
		}
	}
	var lines []int
	for _, b := range o.Bases {
		lines = append(lines, b.Line)
	}
	if diff := cmp.Diff([]string{"1 first", "3 second", "5 stage-2"}, froms); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{1, 3, 5}, slices.Compact(lines)); diff != "" {
		t.Errorf("base images (-want +got):\n%s", diff)
	}
}

func TestABaseImageOfAStageThatIsNotBuiltIsNotABlocker(t *testing.T) {
	w := newHarness(t, "FROM alpine\nRUN make\nFROM nowhere.invalid/none AS unused\nRUN make\nFROM alpine\n")
	w.Image = func(ref string, p platform.Platform) (platform.Platform, error) {
		if strings.Contains(ref, "nowhere.invalid") {
			return p, errors.New("no such host")
		}
		return p, nil
	}
	if o := w.predicted(); o.Refused(w.req) || len(o.Lint) != 0 {
		t.Errorf("%+v", o)
	}
	for _, msg := range w.progress.all {
		for _, v := range msg.Vertexes {
			if v.Error != "" {
				t.Errorf("%s is shown: %s", v.Name, v.Error)
			}
		}
	}
}

func TestAPlanOfADockerfileThatCannotBeReadIsItsError(t *testing.T) {
	w := newHarness(t, "FROM alpine\nRUNN echo\n")
	_, err := Look(t.Context(), w.req, w.env, w.preflight)
	if !errors.As(err, new(*solve.FailedError)) {
		t.Fatalf("%v", err)
	}
	testkit.Contains(t, err.Error(), "unknown instruction: RUNN", "(all 3 platforms)")
}

func TestARecipeForAnUnknownStageIsAFindingAmongOthers(t *testing.T) {
	w := newHarness(t, "FROM alpine AS build\nRUN make\n")
	w.req.Cross = cross.Choice{Named: []cross.Named{{Recipe: "go", Stage: "build"}, {Recipe: "go", Stage: "nope"}}}
	o := w.predicted()
	want := []string{`a recipe is named for stage "nope", which the Dockerfile does not have`}
	if diff := cmp.Diff(want, w.texts(o.Findings)); diff != "" || !o.Refused(w.req) || len(o.Plan.Jobs) != 3 {
		t.Errorf("refused: %v, %d jobs (-want +got):\n%s", o.Refused(w.req), len(o.Plan.Jobs), diff)
	}
	if _, err := solve.Run(t.Context(), w.req, w.env, w.preflight); !errors.As(err, new(*crosscompile.UnknownStageError)) {
		t.Errorf("the build: %v", err)
	}
}

func TestAPlanNamesASourceOnTheHostsNetwork(t *testing.T) {
	w := newHarness(t, "FROM alpine\nRUN true\nADD http://127.0.0.1:5899/secret /stolen\nADD https://example.com/data.bin /\n")
	w.env.Nodes[0].OnHost = true
	if o := w.predicted(); len(o.Findings) != 1 || !o.Refused(w.req) {
		t.Errorf("the plan has %+v", o.Findings)
	}
}

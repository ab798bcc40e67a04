package solve

import (
	"errors"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestAQuestionIsAskedForEachPlatformAndBuildsNothing(t *testing.T) {
	w := newHarness(t, "FROM alpine AS base\nRUN echo x\nFROM base\n")
	w.req.Own = map[string]Own{"linux/arm64": {Target: "base"}}
	answers, err := Ask(t.Context(), w.req, w.env, "outline")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"linux/amd64", "linux/arm/v7", "linux/arm64"} {
		text := string(answers[i].Values["result.json"])
		if platform.Format(answers[i].Platform) != want || strings.Contains(text, `"name": "base"`) != (want == "linux/arm64") {
			t.Errorf("%s: %s", platform.Format(answers[i].Platform), text)
		}
	}
	for _, s := range w.Solves() {
		if len(s.Ran) != 0 || len(s.Opt.Exports) != 0 || !s.Opt.Internal {
			t.Errorf("%+v", s)
		}
	}
	w.untouched()
	if w.probes != 0 || w.progress.ends != 3 {
		t.Errorf("%d probes, %d ends", w.probes, w.progress.ends)
	}
}

func TestAQuestionThatTheFrontendDoesNotKnowIsAnError(t *testing.T) {
	w := newHarness(t, copiesOnly)
	_, err := Ask(t.Context(), w.req, w.env, "nonsense")
	if failed, ok := errors.AsType[*FailedError](err); !ok || len(failed.Platforms) != 3 {
		t.Fatalf("got %v", err)
	}
	contains(t, err.Error(), "unsupported request frontend.nonsense")
}

// The frontend's warnings about base images hold for the builder's own platform only; its other rules hold for all platforms.
func TestACheckKeepsWhatHoldsForThePlatform(t *testing.T) {
	w := newHarness(t, "FROM alpine AS Built\n")
	w.Image = func(string, platform.Platform) (platform.Platform, error) { return arm64, nil }
	answers, err := Ask(t.Context(), w.req, w.env, LintQuestion)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range answers {
		text, native := string(a.Values["result.json"]), platform.Format(a.Platform) == "linux/amd64"
		if !strings.Contains(text, "StageNameCasing") || strings.Contains(text, "InvalidBaseImagePlatform") != native {
			t.Errorf("%s: %s", platform.Format(a.Platform), text)
		}
		if status := string(a.Values["result.statuscode"]); status != "1" {
			t.Errorf("%s: status %s", platform.Format(a.Platform), status)
		}
	}
}

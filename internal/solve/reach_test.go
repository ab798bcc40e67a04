package solve

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestOneRepositoryOfEachRegistryIsAskedForByTheBuilder(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.req.Tags = w.tags("app:v1", "app:v2", "other:v1")
	w.mustRun()
	asked := 0
	for _, ref := range w.Asked() {
		if strings.HasPrefix(ref, w.host+"/app@") {
			asked++
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times: %q", asked, w.Asked())
	}
}

func TestTheBuildersAnswerAboutARegistryThatTheClientCannotReachIsLeftOut(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.Unreachable = func(string) error { return errors.New("connection refused") }
	w.preflight = func(context.Context) error { return errors.New(w.host + " is dead") }
	if found := w.findings(); len(found) != 1 || found[0].Check != "registry" {
		t.Errorf("%q", w.texts(found))
	}
}

func TestABuildThatCannotBeReadDoesNotLeaveItsQuestionsBehind(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.Read = failing("dockerfile parse error", "linux/amd64", "linux/arm64", "linux/arm/v7")
	ended := false // the race detector would find an end that is not waited for, too
	w.Unreachable = func(string) error {
		time.Sleep(50 * time.Millisecond)
		ended = true
		return errors.New("connection refused")
	}
	if _, err := w.run(); err == nil || strings.Contains(err.Error(), "connection refused") {
		t.Fatalf("got %v", err)
	}
	if !ended {
		t.Error("whether the builder reaches the registry is still being asked")
	}
}

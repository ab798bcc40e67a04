package solve

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestOneRepositoryOfEachRegistryIsAskedForByTheBuilder(t *testing.T) {
	w := newWorld(t, copiesOnly)
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
	w := newWorld(t, copiesOnly)
	w.Unreachable = func(string) error { return errors.New("connection refused") }
	w.preflight = func(context.Context) error { return errors.New(w.host + " is dead") }
	if found := w.findings(); len(found) != 1 || found[0].Check != "registry" {
		t.Errorf("%q", w.texts(found))
	}
}

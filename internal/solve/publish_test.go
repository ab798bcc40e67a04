package solve

import (
	"errors"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

func TestARegistryThatRefusesTheResultIsAPushErrorAndTellsWhichTagsMoved(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.req.Tags = w.tags("app:v1", "app:v2")
	w.faults.Add(faultregistry.Fault{
		Match: faultregistry.On("PUT", "/manifests/v2"),
		Do:    faultregistry.Answer(403, "DENIED", "tags are immutable"),
	})
	rep, err := w.run()
	var push *index.PushError
	if !errors.As(err, &push) || len(push.Tags) != 2 || push.Tags[0].State != manifest.Moved || push.Tags[1].State != manifest.Failed {
		t.Fatalf("got %v, %+v", err, rep.Tags)
	}
	if w.tagged("app:v1") != rep.Target.Digest.String() || w.tagged("app:v2") != "" {
		t.Errorf("v1 is %q, v2 is %q", w.tagged("app:v1"), w.tagged("app:v2"))
	}
}

func TestChildrenThatTheRegistryRefusesAreAPushErrorToo(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.waits()
	w.faults.Add(faultregistry.Fault{
		Match: faultregistry.On("PUT", ""),
		Do:    faultregistry.Answer(507, "", "no space"),
	})
	_, err := w.run()
	if !errors.As(err, new(*index.PushError)) || !errors.As(err, new(*FailedError)) || w.tagged("app:v1") != "" {
		t.Errorf("got %v", err)
	}
	w.Run = failing("exit code: 1", "linux/arm64") // a build that fails as well is not a push error
	if _, err = w.run(); errors.As(err, new(*index.PushError)) || !errors.As(err, new(*FailedError)) {
		t.Errorf("got %v", err)
	}
}

func TestAnImageThatTheRegistryLostIsFoundOutBeforeTheTags(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.faults.Add(faultregistry.Fault{
		Match: faultregistry.ChildRead,
		Do:    faultregistry.Answer(404, "MANIFEST_UNKNOWN", ""),
	})
	if _, err := w.run(); !errors.As(err, new(*index.PushError)) || w.tagged("app:v1") != "" {
		t.Errorf("got %v, and the tag is %q", err, w.tagged("app:v1"))
	}
}

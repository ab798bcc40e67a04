package container

import (
	"errors"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
	"github.com/docker-multiarch/docker-multiarch/internal/trust"
)

func TestAnImageThatNothingVouchesForIsNotRunWithPrivileges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fake.Origins["sha256:stable"] = []string{"docker.io/other/buildkit"}
	_, err := w.ensure(t, want{})
	if unproven, ok := errors.AsType[*trust.UnprovenError](err); !ok || unproven.ID != "sha256:stable" || unproven.Err == nil {
		t.Errorf("got %v", err)
	}
	if n := len(w.fake.Containers()); n != 0 {
		t.Errorf("%d containers are left", n)
	}
	w.mustEnsure(t, want{Trusted: []digest.Digest{"sha256:stable"}})
}

func TestABuilderGoesOnOnlyIfItsImagePasses(t *testing.T) {
	for _, state := range []container.ContainerState{container.StateRunning, container.StateExited, container.StatePaused} {
		w := newWorld(t)
		w.mustEnsure(t, want{})
		old := w.only(t).ID
		w.fake.Origins["sha256:stable"] = nil
		w.fake.Set(defaultContainer, func(c *enginetest.Container) { c.Status = state })
		if _, err := w.ensure(t, want{}); !errors.As(err, new(*trust.UnprovenError)) {
			t.Errorf("%s: got %v", state, err)
		}
		if _, _, err := Open(t.Context(), w.eng, named("default"), OpenOptions{}); !errors.As(err, new(*trust.UnprovenError)) {
			t.Errorf("%s, opened as it is: got %v", state, err)
		}
		if c := w.only(t); c.ID != old || c.Starts != 1 || c.Status != state {
			t.Errorf("%s: it is %s, started %d times", state, c.Status, c.Starts)
		}
		w.fake.Pull = func(string) error { w.fake.Have(DefaultImage, "sha256:new"); return nil }
		w.mustEnsure(t, want{})
		if c := w.only(t); c.ID == old {
			t.Errorf("%s: it was not replaced by one of the pulled image", state)
		}
	}
}

func TestAContainerWithoutPrivilegesIsNotABuilderDespiteItsLabels(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustEnsure(t, want{Name: "other"})
	labels := w.only(t).Config.Labels
	labels[labelBuilder] = "default"
	_, err := w.eng.CreateContainer(t.Context(), client.ContainerCreateOptions{
		Name: defaultContainer, Config: &container.Config{Image: DefaultImage, Labels: labels}, HostConfig: &container.HostConfig{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ensure(t, want{}); err == nil || !strings.Contains(err.Error(), "not made by docker multiarch") {
		t.Errorf("got %v", err)
	}
}

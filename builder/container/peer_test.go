package container

import (
	"errors"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
)

func TestAContainerOfDockerBuildxIsStartedAndNotMadeOrRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := PeerDriver{Driver{Engine: func(string) (*engine.Engine, error) { return w.eng, nil }}}
	e := builder.Endpoint{Builder: "theirs", Node: "theirs0", Driver: PeerDriverName}
	var missing *PeerMissingError
	if _, err := d.Connect(t.Context(), e, builder.Spec{}, nil); !errors.As(err, &missing) || missing.Container != "buildx_buildkit_theirs0" {
		t.Fatalf("without a container: %v", err)
	}
	w.fake.Images["reg.example/bk:1"] = "sha256:other" // which is not trusted
	_, err := w.eng.CreateContainer(t.Context(), client.ContainerCreateOptions{
		Name: "buildx_buildkit_theirs0", Config: &container.Config{Image: "reg.example/bk:1"}, HostConfig: &container.HostConfig{Privileged: true, NetworkMode: "host"},
	})
	if err != nil {
		t.Fatal(err)
	}
	before := w.only(t).ID
	n, err := d.Connect(t.Context(), e, builder.Spec{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if c := w.only(t); c.ID != before || c.Status != container.StateRunning || c.Starts != 1 {
		t.Errorf("the container is %+v", c)
	}
	if !n.OnHost || !n.HostChosen || n.Version != "v0.33.1" || n.Engine.Image != "reg.example/bk:1" || n.Engine.ImageID != "" || len(n.Warnings) != 1 {
		t.Errorf("the node is %+v, its engine %+v", n, n.Engine)
	}
	if found, err := d.Remove(t.Context(), e, builder.RemoveOptions{}); found || err == nil || w.only(t).ID != before {
		t.Errorf("removed: %t, %v", found, err)
	}
	for _, want := range []builder.Spec{{Image: "x"}, {MinVersion: "v9.0.0"}} {
		if _, err := d.Connect(t.Context(), e, want, nil); err == nil || !strings.HasPrefix(err.Error(), `builder "theirs", node "theirs0": `) {
			t.Errorf("%+v: %v", want, err)
		}
	}
	if found, err := d.Stop(t.Context(), e); !found || err != nil || w.only(t).Status != container.StateExited {
		t.Errorf("stopped: %t, %v", found, err)
	}
	w.fake.Set(before, func(c *enginetest.Container) { c.Status = container.StatePaused })
	if n, err := d.Connect(t.Context(), e, builder.Spec{}, nil); err != nil {
		t.Error(err)
	} else {
		_ = n.Close()
	}
}

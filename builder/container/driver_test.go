package container

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
)

func TestTheDriversNodeHasTheAbilitiesOfAnEngine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := Driver{Engine: func(string) (*engine.Engine, error) { return w.eng, nil }}
	e := builder.Endpoint{Builder: "b", Driver: DriverName, Options: Options{"memory": "1g"}}
	n, err := d.Connect(t.Context(), e, builder.Spec{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if n.Endpoint.Name() != "b" || n.Version != "v0.33.1" || n.CPUs != 4 || n.Client == nil || n.OnHost {
		t.Errorf("the node is %+v", n)
	}
	if n.Engine == nil || n.Engine.Image != DefaultImage || n.Engine.Helper(t.Context()) != "sha256:stable" || n.Gateway == nil {
		t.Errorf("the engine beside it is %+v", n.Engine)
	}
	if out, err := n.Shell.Run(t.Context(), "uname"); err != nil || string(out) != "uname" {
		t.Errorf("its shell says %q, %v", out, err)
	}
	if disk, err := n.Disk.Disk(t.Context()); err != nil || disk.Total != 1000<<10 {
		t.Errorf("its disk is %+v, %v", disk, err)
	}
	start := time.Now().Format(time.RFC3339Nano)
	w.fake.Answer = func(rw http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/events" {
			return false
		}
		if r.URL.Query().Get("until") == "" || !strings.Contains(r.URL.Query().Get("filters"), w.only(t).ID) {
			t.Errorf("the engine is asked for %s", r.URL)
		}
		_, _ = io.WriteString(rw, `{"Type":"container","Action":"oom"}{"Type":"container","Action":"die","Actor":{"Attributes":{"exitCode":"137"}}}`)
		return true
	}
	for why, change := range map[string]func(*enginetest.Container){
		"the connection broke; BuildKit answers again": func(*enginetest.Container) {},
		"its container ended with status":              func(c *enginetest.Container) { c.Status, c.ExitCode = container.StateExited, 3 },
		builder.ErrOutOfMemory.Error():                 func(c *enginetest.Container) { c.RestartCount, c.StartedAt = 1, start },
	} {
		w.fake.Set(w.only(t).ID, change)
		if err := n.Why(t.Context()); err == nil || !strings.Contains(err.Error(), `builder "b" was lost during the build: `+why) {
			t.Errorf("%s: %v", why, err)
		}
		w.fake.Set(w.only(t).ID, func(c *enginetest.Container) { c.Status, c.RestartCount = container.StateRunning, 0 })
	}
	w.fake.Answer = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/containers/"+w.only(t).ID+"/json" {
			<-time.After(endShows + 100*time.Millisecond) // as an engine that starts on a busy machine
		}
		return false
	}
	w.fake.Set(w.only(t).ID, func(c *enginetest.Container) { c.Status, c.ExitCode = container.StateExited, 137 })
	if err := n.Why(t.Context()); err == nil || !strings.Contains(err.Error(), "its container ended with status 137") {
		t.Errorf("an engine that starts again: %v", err)
	}
	w.fake.Answer = nil
	w.fake.Set(w.only(t).ID, func(c *enginetest.Container) { c.Status = container.StateRunning })
	manage(t, w, d, n.Endpoint)
}

// manage runs the driver's one node through its life until it is removed.
func manage(t *testing.T, w *world, d builder.Manager, e builder.Endpoint) {
	t.Helper()
	if all, err := d.Inspect(t.Context(), e, builder.Whole); err != nil || len(all) != 1 || all[0].Options["memory"] != "1g" {
		t.Errorf("inspect: %+v, %v", all, err)
	}
	if found, err := d.Stop(t.Context(), e); err != nil || !found || w.only(t).Status != container.StateExited {
		t.Errorf("stop: %t, %v", found, err)
	}
	if found, err := d.Remove(t.Context(), e, builder.RemoveOptions{}); err != nil || !found || len(w.fake.Containers()) > 0 {
		t.Errorf("remove: %t, %v", found, err)
	}
	if found, err := d.Stop(t.Context(), e); err != nil || found {
		t.Errorf("stop of none: %t, %v", found, err)
	}
}

func TestAnAddressWithoutAnEngineIsAnError(t *testing.T) {
	t.Parallel()
	no := errors.New("no such context")
	d := Driver{Engine: func(string) (*engine.Engine, error) { return nil, no }}
	for name, do := range map[string]func(context.Context, builder.Endpoint) error{
		"connect": func(ctx context.Context, e builder.Endpoint) error {
			_, err := d.Connect(ctx, e, builder.Spec{}, nil)
			return err
		},
		"inspect": func(ctx context.Context, e builder.Endpoint) error {
			_, err := d.Inspect(ctx, e, builder.Brief)
			return err
		},
		"stop": func(ctx context.Context, e builder.Endpoint) error { _, err := d.Stop(ctx, e); return err },
		"remove": func(ctx context.Context, e builder.Endpoint) error {
			_, err := d.Remove(ctx, e, builder.RemoveOptions{})
			return err
		},
	} {
		if err := do(t.Context(), builder.Endpoint{Address: "nowhere"}); !errors.Is(err, no) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

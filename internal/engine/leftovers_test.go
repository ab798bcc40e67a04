//go:build linux || darwin

package engine_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
)

// thatIsKilled copies the records of a command into a folder, as they are if the command is killed now: nothing marks the copies.
func thatIsKilled(t *testing.T, records string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(records)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range list {
		names = append(names, one.Name())
	}
	return names
}

func TestWhatAKilledCommandHasLeftIsRemovedByTheNext(t *testing.T) {
	fake := &enginetest.Engine{Info: system.Info{ID: "this:engine"}, Images: map[string]string{"img": "sha256:1", "mine:temporary": "sha256:2", "kept": "sha256:3"}}
	api := fake.Start(t)
	killed, records := engine.New(api), t.TempDir()
	killed.RecordLeftovers(records)
	create := func(name string) {
		t.Helper()
		config := client.ContainerCreateOptions{Name: name, Config: &container.Config{Image: "img"}}
		if _, err := killed.CreateContainer(t.Context(), config); err != nil {
			t.Fatal(err)
		}
	}
	killed.Temporary(t.Context(), engine.AContainer, "left")
	create("left")
	stays := killed.Temporary(t.Context(), engine.AContainer, "stays")
	create("stays")
	stays()
	killed.Temporary(t.Context(), engine.AnImage, "mine:temporary")
	killed.Temporary(t.Context(), engine.Nameless, "sha256:3") // it has got a name
	killed.Temporary(t.Context(), engine.AContainer, "late")
	left := thatIsKilled(t, records)
	sweeps := func(api client.APIClient) {
		t.Helper()
		next := engine.New(api)
		next.RecordLeftovers(left)
		if _, err := next.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	sweeps(api)
	create("late") // the engine did it after the next command
	sweeps(api)
	if fake.Named("late") != nil {
		t.Error("what the engine did late is left")
	}
	for _, name := range entries(t, left) {
		if err := os.Chtimes(filepath.Join(left, name), time.Time{}, time.Now().Add(-2*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}

	other := &enginetest.Engine{Info: system.Info{ID: "another engine"}}
	for _, one := range []struct {
		api   client.APIClient
		files int
	}{{other.Start(t), 1}, {api, 0}} {
		sweeps(one.api)
		if names := entries(t, left); len(names) != one.files {
			t.Errorf("the records are %v", names)
		}
	}
	if fake.Named("left") != nil || fake.Named("stays") == nil {
		t.Error("the wrong container was removed")
	}
	if has := fake.Has(); has["mine:temporary"] != "" || has["kept"] == "" {
		t.Errorf("the engine has %v", has)
	}
}

func TestWhatTheNextCommandMakesAgainIsItsOwn(t *testing.T) {
	fake := &enginetest.Engine{Info: system.Info{ID: "this:engine"}, Images: map[string]string{}}
	api, records := fake.Start(t), t.TempDir()
	killed := engine.New(api)
	killed.RecordLeftovers(records)
	killed.Temporary(t.Context(), engine.AnImage, "img:1")
	left := thatIsKilled(t, records)
	for range 2 {
		next := engine.New(api)
		next.RecordLeftovers(left)
		gone := next.Temporary(t.Context(), engine.AnImage, "img:1")
		fake.Have("img:1", "sha256:1")
		gone() // it is meant to stay
		other := engine.New(api)
		other.RecordLeftovers(left)
		if _, err := other.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
		if fake.Has()["img:1"] == "" {
			t.Error("an image that was meant to stay was removed")
		}
	}
}

func TestACommandThatRunsKeepsItsThingsAndRemovesItsRecordWithTheLast(t *testing.T) {
	fake := &enginetest.Engine{Info: system.Info{ID: "this:engine"}, Images: map[string]string{"img": "sha256:1"}}
	api, records := fake.Start(t), t.TempDir()
	running, next := engine.New(api), engine.New(api)
	running.RecordLeftovers(records)
	next.RecordLeftovers(records)
	gone := running.Temporary(t.Context(), engine.AnImage, "img")
	if _, err := next.Info(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, there := fake.Has()["img"]; !there {
		t.Error("the image of a running command was removed")
	}
	gone()
	if names := entries(t, records); len(names) != 0 {
		t.Errorf("the records are %v", names)
	}
	if removed := slices.Contains(fake.Calls(), "DELETE /images/img"); removed {
		t.Error("the image was removed")
	}
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/builder"
)

// using is the builder that a command without --builder uses.
func using(t *testing.T, s *stage) string {
	t.Helper()
	name, err := s.w.builderFor("")
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// chosenFile remembers which builder is used.
func chosenFile(s *stage) string { return filepath.Join(s.w.stateDir(), "builders.json") }

func TestWhichBuilderIsUsed(t *testing.T) {
	s := newStage(t)
	host := "unix:///a"
	s.w.endpoint = func() (string, string) { return "default", host }
	expect := func(want string) {
		t.Helper()
		if got := using(t, s); got != want {
			t.Errorf("%q is used, not %q", got, want)
		}
	}
	choose := func(name string, everywhere bool) {
		t.Helper()
		if err := s.w.choose(t.Context(), name, everywhere); err != nil {
			t.Fatal(err)
		}
	}
	expect(builder.DefaultName)
	choose("one", false)
	expect("one")
	s.env["DOCKER_MULTIARCH_BUILDER"] = "env"
	expect("env")
	if name, _ := s.w.builderFor("flag"); name != "flag" {
		t.Errorf("%q is used", name)
	}
	s.env["DOCKER_MULTIARCH_BUILDER"] = ""

	host = "unix:///b"
	expect(builder.DefaultName)
	choose("all", true)
	expect("all")
	choose(builder.DefaultName, false)
	expect(builder.DefaultName)
	host = "unix:///a"
	expect("all")
	choose(builder.DefaultName, true)
	expect(builder.DefaultName)
	if _, err := os.Stat(chosenFile(s)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no choice is left, and its file is: %v", err)
	}
}

func TestARemovedBuilderIsNotTheCurrentOneAnyMore(t *testing.T) {
	s := newStage(t)
	if err := s.w.choose(t.Context(), "b", false); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"c", "b"} {
		if err := s.w.forget(t.Context(), gone); err != nil {
			t.Fatal(err)
		}
		if got, want := using(t, s), map[string]string{"c": "b", "b": builder.DefaultName}[gone]; got != want {
			t.Errorf("without %q, %q is used", gone, got)
		}
	}
}

func TestAChoiceThatCannotBeReadIsSaidBeforeAnyWork(t *testing.T) {
	s := newStage(t)
	if err := os.WriteFile(chosenFile(s), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status := s.run("build", "--push", "-t", "HOST/a", "."); status != exitUsage || s.connects != 0 {
		t.Errorf("status %d, %d connections", status, s.connects)
	}
	contains(t, s.err.String(), chosenFile(s), "remove that file", "--builder")
	s.env["DOCKER_MULTIARCH_BUILDER"] = "no good"
	if status := s.run("builder", "inspect"); status != exitUsage {
		t.Errorf("status %d", status)
	}
	contains(t, s.err.String(), "DOCKER_MULTIARCH_BUILDER")
}

func TestChoicesOfSeveralProgramsAreAllKept(t *testing.T) {
	s := newStage(t)
	const engines = 20
	var choosing sync.WaitGroup
	for i := range engines {
		endpoint := func() (string, string) { return "default", fmt.Sprintf("unix:///%d", i) }
		w := &world{folders: s.w.folders, docker: docker{endpoint: endpoint}}
		choosing.Go(func() {
			if err := w.choose(t.Context(), "mine", false); err != nil {
				t.Error(err)
			}
		})
	}
	choosing.Wait()
	var kept struct{ Engines map[string]string }
	data, err := os.ReadFile(chosenFile(s))
	if err = errors.Join(err, json.Unmarshal(data, &kept)); err != nil || len(kept.Engines) != engines {
		t.Errorf("%d of %d choices are kept, %v", len(kept.Engines), engines, err)
	}
}

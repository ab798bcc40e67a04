package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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
	s.env[builderVariable] = "env"
	expect("env")
	if name, _ := s.w.builderFor("flag"); name != "flag" {
		t.Errorf("%q is used", name)
	}
	s.env[builderVariable] = ""

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
	if _, err := os.Stat(s.w.chosenFile()); !errors.Is(err, fs.ErrNotExist) {
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
	if err := os.WriteFile(s.w.chosenFile(), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status := s.run("build", "--push", "-t", "HOST/a", "."); status != exitUsage || s.connects != 0 {
		t.Errorf("status %d, %d connections", status, s.connects)
	}
	contains(t, s.err.String(), s.w.chosenFile(), "remove that file", "--builder")
	s.env[builderVariable] = "no good"
	if status := s.run("builder", "inspect"); status != exitUsage {
		t.Errorf("status %d", status)
	}
	contains(t, s.err.String(), builderVariable)
}

func TestChoicesOfSeveralProgramsAreAllKept(t *testing.T) {
	s := newStage(t)
	const engines = 20
	var choosing sync.WaitGroup
	for i := range engines {
		w := &world{stateDir: s.w.stateDir, endpoint: func() (string, string) { return "default", fmt.Sprintf("unix:///%d", i) }}
		choosing.Go(func() {
			if err := w.choose(t.Context(), "mine", false); err != nil {
				t.Error(err)
			}
		})
	}
	choosing.Wait()
	if c, err := s.w.readChosen(); err != nil || len(c.Engines) != engines {
		t.Errorf("%d of %d choices are kept, %v", len(c.Engines), engines, err)
	}
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
)

// using returns the builder that a command without --builder uses.
func using(t *testing.T, s *harness) string {
	t.Helper()
	name, err := s.Env.BuilderFor("")
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// chosenFile is the file that records which builder is used.
func chosenFile(s *harness) string { return filepath.Join(s.Env.StateDir(), "builders.json") }

func TestWhichBuilderIsUsed(t *testing.T) {
	s := newHarness(t)
	host := "unix:///a"
	s.Env.Endpoint = func() (string, string) { return "default", host }
	expect := func(want string) {
		t.Helper()
		if got := using(t, s); got != want {
			t.Errorf("%q is used, not %q", got, want)
		}
	}
	choose := func(name string, everywhere bool) {
		t.Helper()
		if err := s.Env.Choose(t.Context(), name, everywhere); err != nil {
			t.Fatal(err)
		}
	}
	expect(builder.DefaultName)
	choose("one", false)
	expect("one")
	s.Vars["DOCKER_MULTIARCH_BUILDER"] = "env"
	expect("env")
	if name, _ := s.Env.BuilderFor("flag"); name != "flag" {
		t.Errorf("%q is used", name)
	}
	s.Vars["DOCKER_MULTIARCH_BUILDER"] = ""
	s.Vars["BUILDKIT_HOST"] = "tcp://h:1234"
	expect("tcp://h:1234")
	s.Vars["BUILDX_BUILDER"] = "theirs"
	expect("theirs")
	s.Vars["BUILDX_BUILDER"], s.Vars["BUILDKIT_HOST"] = "", "h"
	if _, err := s.Env.BuilderFor(""); err == nil || !strings.HasPrefix(err.Error(), "BUILDKIT_HOST: ") {
		t.Error(err)
	}
	s.Vars["BUILDKIT_HOST"] = ""

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
	s := newHarness(t)
	if err := s.Env.Choose(t.Context(), "b", false); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"c", "b"} {
		if err := s.Env.Forget(t.Context(), gone); err != nil {
			t.Fatal(err)
		}
		if got, want := using(t, s), map[string]string{"c": "b", "b": builder.DefaultName}[gone]; got != want {
			t.Errorf("without %q, %q is used", gone, got)
		}
	}
}

func TestAChoiceThatCannotBeReadIsSaidBeforeAnyWork(t *testing.T) {
	s := newHarness(t)
	if err := os.WriteFile(chosenFile(s), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status := s.Command("build", "--push", "-t", "HOST/a", "."); status != cli.ExitUsage || s.Connects != 0 {
		t.Errorf("status %d, %d connections", status, s.Connects)
	}
	clitest.Contains(t, s.Err.String(), chosenFile(s), "remove the file", "--builder")
	s.Vars["DOCKER_MULTIARCH_BUILDER"] = "no good"
	if status := s.Command("builder", "inspect"); status != cli.ExitUsage {
		t.Errorf("status %d", status)
	}
	clitest.Contains(t, s.Err.String(), "DOCKER_MULTIARCH_BUILDER")
}

func TestChoicesOfSeveralProgramsAreAllKept(t *testing.T) {
	s := newHarness(t)
	const engines = 20
	var choosing sync.WaitGroup
	for i := range engines {
		endpoint := func() (string, string) { return "default", fmt.Sprintf("unix:///%d", i) }
		w := &cli.Env{Folders: s.Env.Folders, Docker: cli.Docker{Endpoint: endpoint}}
		choosing.Go(func() {
			if err := w.Choose(t.Context(), "mine", false); err != nil {
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

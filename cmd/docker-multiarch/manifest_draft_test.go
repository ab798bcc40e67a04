package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// drafted pushes an index of two platforms as app:two.
func (s *stage) drafted() string {
	s.t.Helper()
	digest := s.archive().String()
	if code := s.run("push", "-q", "app.tar", "HOST/app:two"); code != 0 {
		s.t.Fatal(s.err.String())
	}
	s.out.buf.Reset()
	s.err.buf.Reset()
	return digest
}

func TestScriptsReadTheSameOfOurManifestCommands(t *testing.T) {
	s := newStage(t)
	s.drafted()
	for _, args := range [][]string{
		{"manifest", "create", "HOST/app:1", "HOST/app:two"},
		{"manifest", "push", "--purge", "HOST/app:1"},
		{"manifest", "create", "HOST/app:1", "HOST/app:two", "--push"},
		{"manifest", "rm", "HOST/app:1"},
	} {
		if code := s.run(args...); code != 0 {
			t.Errorf("%q: status %d: %s", args, code, s.err.String())
		}
	}
	list := "Created manifest list HOST/app:1\nsha256:1\n"
	if diff := cmp.Diff(list+list, s.normal(s.out.String())); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("", s.err.String()); diff != "" {
		t.Error(diff)
	}
	if got := s.tagged("app:1"); !strings.Contains(s.out.String(), got) || got == "" {
		t.Errorf("the tag names %q", got)
	}
}

func TestManifestCommandsRefuseWrongWordsBeforeAnything(t *testing.T) {
	s := newStage(t)
	s.w.anyRegistry = func(context.Context, func(string), ...string) (*manifest.Client, error) {
		return nil, errors.New("a registry is asked")
	}
	fixed := "HOST/app@sha256:" + strings.Repeat("0", 64)
	for _, args := range [][]string{
		{"create", "HOST/app:1"},
		{"create", "Upper", "HOST/app:two"},
		{"create", "HOST/app:1", "a b"},
		{"create", fixed, "HOST/app:two"},
		{"annotate", "HOST/app:1"},
		{"annotate", "HOST/app:1", "HOST/app:two", "--arhc", "arm64"},
		{"inspect"},
		{"inspect", "a", "b", "c"},
		{"inspect", "Upper"},
		{"inspect", fixed, "HOST/app:two"},
		{"push"},
		{"push", fixed},
		{"rm"},
		{"rm", "HOST/app:1", "Upper"},
	} {
		if code := s.run(append([]string{"manifest"}, args...)...); code != exitUsage {
			t.Errorf("%q: status %d, not %d", args, code, exitUsage)
		}
	}
	for _, args := range [][]string{{"push", "HOST/app:1"}, {"rm", "HOST/app:1"}, {"annotate", "HOST/app:1", "HOST/app:two"}, {"inspect", "HOST/app:1", "HOST/app:two"}} {
		if code := s.run(append([]string{"manifest"}, args...)...); code != exitFailed {
			t.Errorf("%q: status %d, not %d", args, code, exitFailed)
		}
	}
	contains(t, s.err.String(), "no such manifest: "+s.host+"/app:1", "did you mean --arch?")
	if files, _ := filepath.Glob(filepath.Join(s.w.stateDir(), "manifests", "*.json")); len(files) > 0 {
		t.Errorf("files: %q", files)
	}
}

func TestInsecureIsForTheRegistriesOfTheNames(t *testing.T) {
	s := newStage(t)
	s.drafted()
	var asked []string
	client := s.w.anyRegistry
	s.w.anyRegistry = func(ctx context.Context, note func(string), insecure ...string) (*manifest.Client, error) {
		asked = append(asked, strings.Join(insecure, " "))
		return client(ctx, note)
	}
	s.run("manifest", "create", "--insecure", "registry.test/app:1", "HOST/app:two")
	s.run("manifest", "create", "registry.test/app:1", "HOST/app:two")
	s.run("manifest", "inspect", "--insecure", "registry.test/app:1")
	s.faults.Add(faultregistry.Fault{Match: faultregistry.On("HEAD", "/"), Do: faultregistry.Answer(500, "UNKNOWN", "broken")})
	if code := s.run("manifest", "push", "--insecure", "registry.test/app:1"); code != exitFailed {
		t.Errorf("status %d", code)
	}
	want := []string{s.host + " registry.test", "", "registry.test " + s.host, "registry.test " + s.host}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
}

func TestARegistryThatDoesNotTakeAListHasAStatusOfItsOwnAndTheDraftStays(t *testing.T) {
	s := newStage(t)
	s.drafted()
	s.run("manifest", "create", "HOST/app:1", "HOST/app:two")
	s.faults.Add(faultregistry.Fault{Match: faultregistry.TagPut, Do: faultregistry.Answer(403, "DENIED", "not yours")})
	if code := s.run("manifest", "push", "-p", "HOST/app:1"); code != exitPush {
		t.Errorf("status %d", code)
	}
	contains(t, s.err.String(), "not yours")
	s.faults.Clear()
	if code := s.run("manifest", "push", "-p", "HOST/app:1"); code != 0 || s.tagged("app:1") == "" {
		t.Errorf("status %d: %s", code, s.err.String())
	}
}

func TestAPushedDraftThatIsShownSaysSo(t *testing.T) {
	s := newStage(t)
	s.drafted()
	s.run("manifest", "create", "HOST/app:1", "HOST/app:two", "--push")
	s.out.buf.Reset()
	if code := s.run("manifest", "inspect", "HOST/app:1"); code != 0 {
		t.Errorf("status %d", code)
	}
	contains(t, s.err.String(), "pushed as "+s.tagged("app:1"))
	draft := s.out.String()
	s.run("manifest", "rm", "HOST/app:1")
	s.out.buf.Reset()
	s.run("manifest", "inspect", "HOST/app:1")
	if diff := cmp.Diff(draft, s.out.String()); diff != "" {
		t.Errorf("the registry shows something else (-draft +registry):\n%s", diff)
	}
}

func TestABrokenDraftIsSaid(t *testing.T) {
	s := newStage(t)
	s.drafted()
	s.run("manifest", "create", "HOST/app:1", "HOST/app:two")
	files, _ := filepath.Glob(filepath.Join(s.w.stateDir(), "manifests", "*.json"))
	if err := os.WriteFile(files[0], []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := s.run("manifest", "inspect", "HOST/app:1"); code != exitFailed {
		t.Errorf("status %d", code)
	}
	contains(t, s.err.String(), files[0]+".corrupt")
}

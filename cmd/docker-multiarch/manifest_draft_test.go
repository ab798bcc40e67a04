package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// drafted pushes an index of two platforms as app:two, and returns its digest.
func (s *harness) drafted() string {
	s.T.Helper()
	digest := s.archive().String()
	if code := s.Command("push", "-q", "app.tar", "HOST/app:two"); code != 0 {
		s.T.Fatal(s.Err.String())
	}
	s.Out.Buf.Reset()
	s.Err.Buf.Reset()
	return digest
}

func TestScriptsReadTheSameOfOurManifestCommands(t *testing.T) {
	s := newHarness(t)
	s.drafted()
	for _, args := range [][]string{
		{"manifest", "create", "HOST/app:1", "HOST/app:two"},
		{"manifest", "push", "--purge", "HOST/app:1"},
		{"manifest", "create", "HOST/app:1", "HOST/app:two", "--push"},
		{"manifest", "rm", "HOST/app:1"},
	} {
		if code := s.Command(args...); code != 0 {
			t.Errorf("%q: status %d: %s", args, code, s.Err.String())
		}
	}
	list := "Created manifest list HOST/app:1\nsha256:1\n"
	if diff := cmp.Diff(list+list, s.Normal(s.Out.String())); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("", s.Err.String()); diff != "" {
		t.Error(diff)
	}
	if got := s.Tagged("app:1"); !strings.Contains(s.Out.String(), got) || got == "" {
		t.Errorf("the tag names %q", got)
	}
}

func TestManifestCommandsRefuseWrongWordsBeforeAnything(t *testing.T) {
	s := newHarness(t)
	s.Env.Registry = func(context.Context, func(string), ...string) *manifest.Client {
		t.Error("a registry is asked")
		return manifest.New(manifest.Options{})
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
		if code := s.Command(append([]string{"manifest"}, args...)...); code != cli.ExitUsage {
			t.Errorf("%q: status %d, not %d", args, code, cli.ExitUsage)
		}
	}
	for _, args := range [][]string{{"push", "HOST/app:1"}, {"rm", "HOST/app:1"}, {"annotate", "HOST/app:1", "HOST/app:two"}, {"inspect", "HOST/app:1", "HOST/app:two"}} {
		if code := s.Command(append([]string{"manifest"}, args...)...); code != cli.ExitFailed {
			t.Errorf("%q: status %d, not %d", args, code, cli.ExitFailed)
		}
	}
	clitest.Contains(t, s.Err.String(), "no such manifest: "+s.Host+"/app:1", "did you mean --arch?")
	if files, _ := filepath.Glob(filepath.Join(s.Env.StateDir(), "manifests", "*.json")); len(files) > 0 {
		t.Errorf("files: %q", files)
	}
}

func TestInsecureIsForTheRegistriesOfTheNames(t *testing.T) {
	s := newHarness(t)
	s.drafted()
	var asked []string
	client := s.Env.Registry
	s.Env.Registry = func(ctx context.Context, note func(string), insecure ...string) *manifest.Client {
		asked = append(asked, strings.Join(insecure, " "))
		return client(ctx, note)
	}
	s.Command("manifest", "create", "--insecure", "registry.test/app:1", "HOST/app:two")
	s.Command("manifest", "create", "registry.test/app:1", "HOST/app:two")
	s.Command("manifest", "inspect", "--insecure", "registry.test/app:1")
	s.Faults.Add(faultregistry.Fault{Match: faultregistry.On("HEAD", "/"), Do: faultregistry.Answer(500, "UNKNOWN", "broken")})
	if code := s.Command("manifest", "push", "--insecure", "registry.test/app:1"); code != cli.ExitFailed {
		t.Errorf("status %d", code)
	}
	want := []string{s.Host + " registry.test", "", "registry.test " + s.Host, "registry.test " + s.Host}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
}

func TestARegistryThatDoesNotTakeAListHasAStatusOfItsOwnAndTheDraftStays(t *testing.T) {
	s := newHarness(t)
	s.drafted()
	s.Command("manifest", "create", "HOST/app:1", "HOST/app:two")
	s.Faults.Add(faultregistry.Fault{Match: faultregistry.TagPut, Do: faultregistry.Answer(403, "DENIED", "not yours")})
	if code := s.Command("manifest", "push", "-p", "HOST/app:1"); code != cli.ExitPush {
		t.Errorf("status %d", code)
	}
	clitest.Contains(t, s.Err.String(), "not yours")
	s.Faults.Clear()
	if code := s.Command("manifest", "push", "-p", "HOST/app:1"); code != 0 || s.Tagged("app:1") == "" {
		t.Errorf("status %d: %s", code, s.Err.String())
	}
}

func TestAPushedDraftThatIsShownSaysSo(t *testing.T) {
	s := newHarness(t)
	s.drafted()
	s.Command("manifest", "create", "HOST/app:1", "HOST/app:two", "--push")
	s.Out.Buf.Reset()
	if code := s.Command("manifest", "inspect", "HOST/app:1"); code != 0 {
		t.Errorf("status %d", code)
	}
	clitest.Contains(t, s.Err.String(), "pushed as "+s.Tagged("app:1"))
	draft := s.Out.String()
	s.Command("manifest", "rm", "HOST/app:1")
	s.Out.Buf.Reset()
	s.Command("manifest", "inspect", "HOST/app:1")
	if diff := cmp.Diff(draft, s.Out.String()); diff != "" {
		t.Errorf("the registry shows something else (-draft +registry):\n%s", diff)
	}
}

func TestABrokenDraftIsSaid(t *testing.T) {
	s := newHarness(t)
	s.drafted()
	s.Command("manifest", "create", "HOST/app:1", "HOST/app:two")
	files, _ := filepath.Glob(filepath.Join(s.Env.StateDir(), "manifests", "*.json"))
	if err := os.WriteFile(files[0], []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := s.Command("manifest", "inspect", "HOST/app:1"); code != cli.ExitFailed {
		t.Errorf("status %d", code)
	}
	clitest.Contains(t, s.Err.String(), files[0]+".corrupt")
}

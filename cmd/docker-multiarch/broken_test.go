//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/document"
)

// brokenLayouts returns folders with the image of app.tar, each broken in one way, with a description of the damage.
func (s *harness) brokenLayouts(from string) map[string]string {
	s.T.Helper()
	blob := func(dir string, d digest.Digest) string { return filepath.Join(dir, "blobs", "sha256", d.Encoded()) }
	read := func(name string) []byte {
		body, err := os.ReadFile(name)
		if err != nil {
			s.T.Fatal(err)
		}
		return body
	}
	listed, err := document.Layout(read(filepath.Join(from, "index.json")))
	if err != nil {
		s.T.Fatal(err)
	}
	root := listed.Manifests[0].Digest
	index, err := document.Index(read(blob(from, root)))
	if err != nil {
		s.T.Fatal(err)
	}
	child := index.Manifests[1].Digest
	m, err := document.Manifest(read(blob(from, child)))
	if err != nil {
		s.T.Fatal(err)
	}
	broken := map[string]string{}
	for what, d := range map[string]digest.Digest{"root": root, "manifest": child, "configuration": m.Config.Digest, "layer": m.Layers[0].Digest} {
		for _, how := range []string{"missing", "short", "changed"} {
			dir := filepath.Join(s.T.TempDir(), what+"-"+how)
			if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
				s.T.Fatal(err)
			}
			name := blob(dir, d)
			body := read(name)
			if err := os.Remove(name); err != nil {
				s.T.Fatal(err)
			}
			switch how {
			case "short":
				err = os.WriteFile(name, body[:len(body)/2], 0o600)
			case "changed":
				body[len(body)/2] ^= 1
				err = os.WriteFile(name, body, 0o600)
			}
			if err != nil {
				s.T.Fatal(err)
			}
			broken[dir] = d.Encoded()[:12]
		}
	}
	return broken
}

// unpacked returns the folder with the layout of app.tar. With large, its layers are not small blobs.
func (s *harness) unpacked(large bool) string {
	s.T.Helper()
	if large {
		s.Program = func(arch string) string { return strings.Repeat("files of "+arch, 100_000) }
	}
	s.archive("app:1.0")
	dir := filepath.Join(s.T.TempDir(), "whole")
	if err := unpackTar("app.tar", dir); err != nil {
		s.T.Fatal(err)
	}
	return dir
}

func TestABrokenArchiveIsNeverWholeAndMovesNoTag(t *testing.T) {
	for _, large := range []bool{false, true} {
		s := newHarness(t)
		whole := s.unpacked(large)
		if rc := s.Command("verify", whole); rc != 0 {
			t.Fatalf("status %d: %s", rc, &s.Out)
		}
		for dir, blob := range s.brokenLayouts(whole) {
			s.Out, s.Err = clitest.Buffer{}, clitest.Buffer{}
			if rc := s.Command("verify", dir); rc != cli.ExitFailed || !strings.Contains(s.Out.String(), blob) {
				t.Errorf("verify %s: status %d: %s%s", dir, rc, &s.Out, &s.Err)
			}
			for n, args := range [][]string{{"push"}, {"push", "--verify=off"}} {
				s.Err.Reset()
				tag := fmt.Sprintf("broken:%d", n)
				if rc := s.Command(append(args, dir, "HOST/"+tag)...); rc == 0 || !strings.Contains(s.Err.String(), blob) || s.Tagged(tag) != "" {
					t.Errorf("%v %s: status %d, the tag is %q: %s", args, dir, rc, s.Tagged(tag), &s.Err)
				}
			}
			s.Err.Reset()
			if rc := s.Command("manifest", "merge", "-t", "HOST/broken:merged", dir); rc == 0 || s.Tagged("broken:merged") != "" {
				t.Errorf("merge %s: status %d, the tag is %q: %s", dir, rc, s.Tagged("broken:merged"), &s.Err)
			}
		}
	}
}

func TestWhatTheRegistryHasAlreadyHasToBeRightInTheArchiveAsWell(t *testing.T) {
	s := newHarness(t)
	whole := s.unpacked(true)
	if rc := s.Command("push", whole, "HOST/app:1.0"); rc != 0 {
		t.Fatalf("status %d: %s", rc, &s.Err)
	}
	for dir := range s.brokenLayouts(whole) {
		if !strings.Contains(dir, "layer-changed") {
			continue
		}
		for _, args := range [][]string{{"push", "--verify=off", dir, "HOST/app:2.0"}, {"manifest", "merge", "--verify=off", "-t", "HOST/app:2.0", dir}} {
			s.Err.Reset()
			if rc := s.Command(args...); rc == 0 || s.Tagged("app:2.0") != "" {
				t.Errorf("%v: status %d, the tag is %q", args, rc, s.Tagged("app:2.0"))
			}
			clitest.Contains(t, s.Err.String(), "does not match its digest")
		}
	}
}

func TestABrokenArchiveGetsNoNameInAnEngine(t *testing.T) {
	for _, containerd := range []bool{false, true} {
		s := newHarness(t)
		fake := s.withEngine(containerd)
		whole := s.unpacked(true)
		broken := s.brokenLayouts(whole)
		for range 2 { // the second time the engine has the layers already
			for dir := range broken {
				if rc := s.Command("load", "-t", "broken", dir); rc == 0 || fake.Images["broken:latest"] != "" {
					t.Errorf("containerd %t: load %s: status %d, and the name is %q", containerd, dir, rc, fake.Images["broken:latest"])
				}
			}
			s.Err.Reset()
			if rc := s.Command("load", "-t", "app:1.0", whole); rc != 0 || fake.Images["app:1.0"] == "" {
				t.Fatalf("status %d: %s", rc, &s.Err)
			}
		}
	}
}

func TestAnArchiveThatIsNoFileIsNotWaitedFor(t *testing.T) {
	s := newHarness(t)
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, "/dev/zero"} {
		for _, args := range [][]string{{"verify", path}, {"inspect", path}, {"push", path, "HOST/app:1.0"}, {"load", path}, {"manifest", "merge", "-t", "HOST/app:1.0", path}} {
			s.Err.Reset()
			if rc := s.Command(args...); rc != cli.ExitUsage && rc != cli.ExitFailed || !strings.Contains(s.Err.String(), "neither a file nor a folder") {
				t.Errorf("%v: status %d: %s", args, rc, &s.Err)
			}
		}
	}
}

func TestAnArchiveThatIsCutShortIsFoundWrong(t *testing.T) {
	s := newHarness(t)
	s.archive("app:1.0")
	whole, err := os.ReadFile("app.tar")
	if err != nil {
		t.Fatal(err)
	}
	s.Write("short.tar", string(whole[:len(whole)/2]))
	s.Write("text", "hello")
	for name, want := range map[string]int{"short.tar": cli.ExitFailed, "text": cli.ExitUsage} {
		s.Err.Reset()
		if rc := s.Command("verify", name); rc != want {
			t.Errorf("%s: status %d: %s", name, rc, &s.Err)
		}
	}
}

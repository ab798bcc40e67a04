package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/system"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
)

// engine gives the harness an engine that pulls whatever exists, and whose containers run process.
func (s *harness) engine(process enginetest.Process) *enginetest.Engine {
	s.T.Helper()
	fake := &enginetest.Engine{
		Info: system.Info{
			OSType: "linux", Architecture: "x86_64", NCPU: 2, MemoryLimit: true, DriverStatus: [][2]string{{"driver-type", "io.containerd.snapshotter.v1"}},
		},
		Store: enginetest.Store{Containerd: true}, Process: process,
	}
	fake.Pull = func(ref string) error {
		_, digest, _ := strings.Cut(ref, ":sha256:")
		fake.Have(ref, "sha256:"+digest)
		return nil
	}
	eng := engine.New(fake.Start(s.T))
	s.Env.Engine = func() *engine.Engine { return eng }
	return fake
}

// machine returns the platform that is part of the name by which an image is tested.
func machine(c *enginetest.Container) string {
	_, suffix, _ := strings.Cut(c.Config.Image, "-linux-")
	return suffix
}

func TestAllPlatformsOfAnImageAreRunAndTheHighestStatusCounts(t *testing.T) {
	s := newHarness(t)
	if status := s.Command("build", "-q", "--push", "-t", "HOST/app:1", "--platform", "linux/amd64,linux/arm64", "."); status != 0 {
		t.Fatal(s.Err.String())
	}
	fake := s.engine(func(c *enginetest.Container, cmd []string, _ io.Reader, stdout, stderr io.Writer) int {
		fmt.Fprintf(stdout, "%s\nwithout an end", machine(c))
		fmt.Fprintln(stderr, strings.Join(cmd, " "))
		return map[string]int{"amd64": 3, "arm64": 7}[machine(c)]
	})
	s.Out, s.Err = clitest.Buffer{}, clitest.Buffer{}
	if status := s.Command("run", "--platform", "all", "HOST/app:1", "app", "--platform", "x"); status != 7 {
		t.Errorf("status %d", status)
	}
	lines := strings.Split(s.Out.String(), "\n")
	slices.Sort(lines)
	want := []string{"", "linux/amd64 | amd64", "linux/amd64 | without an end", "linux/arm64 | arm64", "linux/arm64 | without an end"}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	clitest.Contains(t, s.Normal(s.Err.String()), "linux/arm64 | app --platform x\n", "\nPLATFORM  STATUS  TIME\nlinux/amd64  3  ", "\nlinux/arm64  7  ")
	if len(fake.Has()) != 0 || len(fake.Containers()) != 0 {
		t.Errorf("the engine has %v, and %d containers", fake.Has(), len(fake.Containers()))
	}

	s.Out, s.Err = clitest.Buffer{}, clitest.Buffer{}
	const pulling = "pulling HOST/app:1 for linux/arm64\n"
	pull, said := fake.Pull, ""
	fake.Pull = func(ref string) error {
		said = s.Normal(s.Err.String())
		return pull(ref)
	}
	status := s.Command("run", "--platform", "linux/arm64", "HOST/app:1")
	if status != 7 || s.Out.String() != "arm64\nwithout an end" || s.Normal(s.Err.String()) != pulling+"\n" || said != pulling {
		t.Errorf("one platform: status %d, %q, %q; %q when the pull began", status, s.Out.String(), s.Err.String(), said)
	}
}

func TestAPlatformThatTheEngineDoesNotRunComesWithTheCommandThatHelps(t *testing.T) {
	s := newHarness(t)
	if status := s.Command("build", "-q", "--push", "-t", "HOST/app:1", "--platform", "linux/amd64,linux/arm64", "."); status != 0 {
		t.Fatal(s.Err.String())
	}
	s.engine(func(c *enginetest.Container, _ []string, _ io.Reader, _, stderr io.Writer) int {
		if machine(c) != "arm64" {
			return 0
		}
		fmt.Fprintln(stderr, "exec /bin/app: exec format error")
		return 255
	})
	if status := s.Command("run", "--platform", "all", "HOST/app:1"); status != 255 {
		t.Errorf("status %d", status)
	}
	clitest.Contains(t, s.Err.String(), "Hint: the engine's kernel does not run these programs: docker multiarch emulators install linux/arm64\n")
}

func TestBadWordsOfRunAreRefusedWithStatus125(t *testing.T) {
	s := newHarness(t)
	if status := s.Command("build", "-q", "--push", "-t", "HOST/app:1", "--platform", "linux/amd64", "."); status != 0 {
		t.Fatal(s.Err.String())
	}
	s.engine(func(*enginetest.Container, []string, io.Reader, io.Writer, io.Writer) int { return 0 })
	for words, want := range map[string]string{
		"":                                  "needs the name of an image",
		"--pull perhaps HOST/app:1":         `--pull "perhaps" is not one of always, missing, never`,
		"--pull never HOST/app:1":           "the engine has no image",
		"--timeout soon HOST/app:1":         `--timeout: "soon" is not a time`,
		"-m little HOST/app:1":              `--memory: "little" is not a size`,
		"-e =x HOST/app:1":                  `--env "=x" has no name`,
		"--rm=false HOST/app:1":             "--rm=false",
		"--platform linux/amd46 HOST/app":   `did you mean "linux/amd64"?`,
		"--platform linux/arm64 HOST/app:1": "has no image for linux/arm64, only for linux/amd64",
		"--platform all --platform x y":     "--platform all cannot be combined with other platforms",
		"HOST/nothing":                      "not found",
		"UPPER":                             "neither a file nor the name of an image",
		"--nonsense x":                      "unknown flag: --nonsense",
	} {
		s.Out, s.Err = clitest.Buffer{}, clitest.Buffer{}
		if status := s.Command(append([]string{"run"}, strings.Fields(words)...)...); status != cli.ExitUsage || s.Out.String() != "" {
			t.Errorf("%s: status %d, %q", words, status, s.Out.String())
		}
		clitest.Contains(t, s.Err.String(), want)
	}
}

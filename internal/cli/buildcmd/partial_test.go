package buildcmd

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/results"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// breaks makes all steps of an architecture fail.
func (s *harness) breaks(arch string) {
	s.Run = func(_ context.Context, p platform.Platform) error {
		if p.Architecture == arch {
			return errors.New("exit code: 1")
		}
		return nil
	}
}

func TestABuildThatDoesWithoutAPlatformSaysSoAndHasAStatusOfItsOwn(t *testing.T) {
	s := newHarness(t)
	s.breaks("arm64")
	args := []string{
		"build", "--push", "-t", "HOST/app", "--platform", clitest.ThreePlatforms, "--allow-partial", "arm64", "--metadata-file", "meta.json", "--iidfile", "iid", ".",
	}
	if status := s.Command(args...); status != cli.ExitPartial {
		t.Errorf("status %d", status)
	}
	_, answer, _ := strings.Cut(s.Normal(s.Err.String()), "PLATFORM")
	want := `  BUILD  VERIFY  SIZE  DIGEST
linux/amd64  native TIME  ok  445B  sha256:1
linux/arm/v7  emulated (builder) TIME  ok  459B  sha256:2
linux/arm64  emulated TIME  -  -  failed

TAG  INDEX DIGEST (what docker pull shows)
HOST/app:latest  sha256:3

Published without linux/arm64: exit code: 1
`
	if diff := cmp.Diff(want, answer); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if iid, err := os.ReadFile("iid"); err != nil || string(iid) != s.Tagged("app") {
		t.Errorf("--iidfile has %q, %v", iid, err)
	}
	var meta results.BuildMetadata
	data, err := os.ReadFile("meta.json")
	if err := errors.Join(err, json.Unmarshal(data, &meta)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]results.MissingMetadata{{Platform: "linux/arm64", Error: "exit code: 1"}}, meta.Multiarch.Missing); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p := meta.Multiarch.Platforms; len(p) != 3 || p[2].Error != "exit code: 1" || p[2].Manifest != "" || p[0].Error != "" || p[0].Manifest == "" {
		t.Errorf("platforms %+v", p)
	}
}

func TestAQuietBuildThatDoesWithoutAPlatformPrintsTheDigestAndSaysSo(t *testing.T) {
	s := newHarness(t)
	s.breaks("arm64")
	if status := s.Command("build", "-q", "--push", "-t", "HOST/app", "--platform", clitest.ThreePlatforms, "--allow-partial", "linux/arm64", "."); status != cli.ExitPartial {
		t.Errorf("status %d", status)
	}
	if want := s.Host + "/app@" + s.Tagged("app") + "\n"; s.Out.String() != want {
		t.Errorf("standard output %q, want %q", s.Out.String(), want)
	}
	clitest.Contains(t, s.Err.String(), "Published without linux/arm64: exit code: 1")
}

func TestPlatformsThatAreMissingForOneReasonAreSaidTogether(t *testing.T) {
	s := newHarness(t)
	s.Run = func(_ context.Context, p platform.Platform) error {
		if p.Architecture != "amd64" {
			return errors.New("exit code: 1")
		}
		return nil
	}
	args := []string{"build", "-o", "type=oci,dest=x.tar", "--platform", clitest.ThreePlatforms, "--allow-partial", "linux/arm64,arm/v7", "."}
	if status := s.Command(args...); status != cli.ExitPartial {
		t.Errorf("status %d", status)
	}
	clitest.Contains(t, s.Err.String(), "Built without linux/arm/v7, linux/arm64: exit code: 1")
}

func TestAReportNamesTheMissingPlatforms(t *testing.T) {
	s := newHarness(t)
	s.breaks("arm64")
	args := []string{"build", "-q", "--push", "-t", "HOST/app", "--platform", clitest.ThreePlatforms, "--allow-partial", "linux/arm64", "--report", "r.md", "."}
	if status := s.Command(args...); status != cli.ExitPartial {
		t.Errorf("status %d", status)
	}
	text, err := os.ReadFile("r.md")
	if err != nil {
		t.Fatal(err)
	}
	clitest.Contains(t, string(text), "### Published without linux/arm64: ")
	if strings.Contains(string(text), "No tag was moved") {
		t.Errorf("%s", text)
	}
}

func TestWrongWordsAboutPlatformsThatFailAreRefusedBeforeAnything(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"not built":      {[]string{"--allow-partial", "linux/s390x"}, "linux/s390x is not one of the requested platforms: linux/amd64, linux/arm64"},
		"all of them":    {[]string{"--allow-partial", "amd64", "--allow-partial", "arm64"}, "leave out at least one"},
		"no platform":    {[]string{"--allow-partial", "plan9"}, "--allow-partial: "},
		"less than none": {[]string{"--retry", "-1"}, "--retry -1"},
		"nothing in it":  {[]string{"--allow-partial", ""}, "--allow-partial: "},
	} {
		t.Run(name, func(t *testing.T) {
			s := newHarness(t)
			args := append([]string{"build", "--push", "-t", "HOST/app", "--platform", "linux/amd64,linux/arm64", "."}, tt.args...)
			if status := s.Command(args...); status != cli.ExitUsage || s.Connects != 0 {
				t.Errorf("status %d, %d connections", status, s.Connects)
			}
			clitest.Contains(t, s.Err.String(), tt.want)
		})
	}
	s := newHarness(t)
	if status := s.Command("build", "--push", "-t", "HOST/app", "--allow-partial", "arm64", "."); status != cli.ExitUsage {
		t.Errorf("status %d", status)
	}
	clitest.Contains(t, s.Err.String(), "linux/arm64 is not a requested platform: add --platform")
}

func TestTheTableSaysByWhoseFailureAPlatformWasStopped(t *testing.T) {
	s := newHarness(t)
	s.Run = func(ctx context.Context, p platform.Platform) error {
		if p.Architecture == "arm64" {
			return errors.New("exit code: 1")
		}
		<-ctx.Done()
		return ctx.Err()
	}
	if status := s.Command("build", "--push", "-t", "HOST/app", "--platform", "linux/amd64,linux/arm64", "--fail-fast", "."); status != cli.ExitFailed {
		t.Errorf("status %d", status)
	}
	_, answer, _ := strings.Cut(s.Normal(s.Err.String()), "PLATFORM")
	want := `  BUILD  SIZE  DIGEST
linux/amd64  native TIME  -  not built: linux/arm64 failed
linux/arm64  emulated TIME  -  failed

No tag was moved.
ERROR: linux/arm64: exit code: 1
`
	if diff := cmp.Diff(want, answer); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRetriesAreInTheTableAndTheMetadata(t *testing.T) {
	for retry, want := range map[string]string{"": "emulated, tried twice, ", "3": "emulated, tried 3 times, "} {
		s := newHarness(t)
		fails := map[string]int{"": 1, "3": 2}[retry]
		s.Run = func(_ context.Context, p platform.Platform) error {
			if p.Architecture == "arm64" && fails > 0 {
				fails--
				return errors.New("did not complete successfully: exit code: 139")
			}
			return nil
		}
		args := []string{"build", "--push", "-t", "HOST/app", "--platform", "linux/amd64,linux/arm64", "--metadata-file", "meta.json", "."}
		if retry != "" {
			args = append(args, "--retry", retry)
		}
		if status := s.Command(args...); status != 0 {
			t.Errorf("status %d", status)
		}
		clitest.Contains(t, s.Err.String(), "linux/arm64: the emulator crashed; trying again (1 of ", want)
		var meta results.BuildMetadata
		data, err := os.ReadFile("meta.json")
		if err := errors.Join(err, json.Unmarshal(data, &meta)); err != nil {
			t.Fatal(err)
		}
		if p := meta.Multiarch.Platforms; p[0].Retries != 0 || p[1].Retries == 0 {
			t.Errorf("platforms %+v", p)
		}
	}
}

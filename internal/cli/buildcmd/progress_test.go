package buildcmd

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

const sharedStage = "FROM --platform=$BUILDPLATFORM golang AS b\nRUN echo generate\nFROM alpine\nCOPY --from=b /x /\nRUN echo hello\n"

func TestPlainProgressNamesThePlatformOfEveryStep(t *testing.T) {
	s := newHarness(t)
	s.Write("Dockerfile", sharedStage)
	if status := s.Command("build", "--push", "--progress", "plain", "-t", "HOST/app", "--platform", clitest.ThreePlatforms, "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	for line, want := range map[string]map[string]int{
		"[b 2/2] RUN echo generate":    {"shared": 1},
		"[stage-1 3/3] RUN echo hello": {"linux/amd64": 1, "linux/arm/v7": 1, "linux/arm64": 1},
	} {
		got := map[string]int{}
		for l := range strings.Lines(s.Err.String()) {
			if who, rest, ok := strings.Cut(l, " | "); ok && strings.Contains(rest, line) {
				got[strings.TrimSpace(who)]++
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: shown %v, want %v:\n%s", line, got, want, s.Err.String())
		}
		for who, n := range want {
			if got[who] < n {
				t.Errorf("%s: shown %v, want %v", line, got, want)
			}
		}
	}
}

func TestRawJSONIsAllThereIsOnStandardErrorAlsoWhenTheBuildFails(t *testing.T) {
	s := newHarness(t)
	s.Run = func(_ context.Context, p platform.Platform) error {
		if p.Architecture == "arm64" {
			return errors.New("exit code: 1")
		}
		return nil
	}
	if status := s.Command("build", "--push", "--progress", "rawjson", "-t", "HOST/app", "--platform", clitest.ThreePlatforms, "."); status != cli.ExitFailed {
		t.Errorf("status %d", status)
	}
	var text strings.Builder
	for line := range strings.Lines(s.Err.String()) {
		var msg client.SolveStatus
		if err := json.Unmarshal([]byte(line), &msg); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		for _, l := range msg.Logs {
			text.Write(l.Data)
		}
	}
	clitest.Contains(t, text.String(), "linux/arm64", "failed", "No tag was moved.", "ERROR: linux/arm64: exit code: 1")
}

func TestLogsAreWrittenToAFolderWithAQuietDisplayToo(t *testing.T) {
	s := newHarness(t)
	s.Write("Dockerfile", sharedStage)
	if status := s.Command("build", "--push", "-q", "--log-dir", "out/logs", "-t", "HOST/app", "--platform", clitest.ThreePlatforms, "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	for name, has := range map[string]string{
		"shared": "RUN echo generate", "linux_amd64": "RUN echo hello", "linux_arm64": "RUN echo hello", "linux_arm_v7": "RUN echo hello",
	} {
		text, err := os.ReadFile("out/logs/" + name + ".log")
		if err != nil || !strings.Contains(string(text), has) {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

func TestALogFolderThatCannotBeMadeIsRefusedBeforeAnyWork(t *testing.T) {
	s := newHarness(t)
	s.Write("file", "")
	if status := s.Command("build", "--push", "--log-dir", "file/logs", "-t", "HOST/app", "."); status != cli.ExitUsage {
		t.Errorf("status %d", status)
	}
	clitest.Contains(t, s.Err.String(), `ERROR: --log-dir "file/logs": `, "not a directory", "Hint: ")
	if s.Connects != 0 || len(s.Solves()) != 0 {
		t.Errorf("%d connections, %d solves", s.Connects, len(s.Solves()))
	}
}

func TestATerminalsDisplayWithoutATerminalIsRefusedBeforeAnyWork(t *testing.T) {
	s := newHarness(t)
	if status := s.Command("build", "--push", "--progress", "tty", "-t", "HOST/app", "."); status != cli.ExitUsage || s.Connects != 0 {
		t.Errorf("status %d, %d connections", status, s.Connects)
	}
	clitest.Contains(t, s.Err.String(), "--progress tty: ", "not a terminal")
}

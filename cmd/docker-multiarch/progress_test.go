package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

const sharedStage = "FROM --platform=$BUILDPLATFORM golang AS b\nRUN echo generate\nFROM alpine\nCOPY --from=b /x /\nRUN echo hello\n"

func TestPlainProgressNamesThePlatformOfEveryStep(t *testing.T) {
	s := newStage(t)
	s.write("Dockerfile", sharedStage)
	if status := s.run("build", "--push", "--progress", "plain", "-t", "HOST/app", "--platform", three, "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.err.String())
	}
	for line, want := range map[string]map[string]int{
		"[b 2/2] RUN echo generate":    {"shared": 1},
		"[stage-1 3/3] RUN echo hello": {"linux/amd64": 1, "linux/arm/v7": 1, "linux/arm64": 1},
	} {
		got := map[string]int{}
		for l := range strings.Lines(s.err.String()) {
			if who, rest, ok := strings.Cut(l, " | "); ok && strings.Contains(rest, line) {
				got[strings.TrimSpace(who)]++
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: shown %v, want %v:\n%s", line, got, want, s.err.String())
		}
		for who, n := range want {
			if got[who] < n {
				t.Errorf("%s: shown %v, want %v", line, got, want)
			}
		}
	}
}

func TestRawJSONIsAllThereIsOnStandardErrorAlsoWhenTheBuildFails(t *testing.T) {
	s := newStage(t)
	s.Run = func(_ context.Context, p platform.Platform) error {
		if p.Architecture == "arm64" {
			return errors.New("exit code: 1")
		}
		return nil
	}
	if status := s.run("build", "--push", "--progress", "rawjson", "-t", "HOST/app", "--platform", three, "."); status != exitFailed {
		t.Errorf("status %d", status)
	}
	var said strings.Builder
	for line := range strings.Lines(s.err.String()) {
		var msg client.SolveStatus
		if err := json.Unmarshal([]byte(line), &msg); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		for _, l := range msg.Logs {
			said.Write(l.Data)
		}
	}
	contains(t, said.String(), "linux/arm64", "failed", "No tag was moved.", "ERROR: linux/arm64: exit code: 1")
}

func TestLogsAreWrittenToAFolderWithAQuietDisplayToo(t *testing.T) {
	s := newStage(t)
	s.write("Dockerfile", sharedStage)
	if status := s.run("build", "--push", "-q", "--log-dir", "out/logs", "-t", "HOST/app", "--platform", three, "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.err.String())
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
	s := newStage(t)
	s.write("file", "")
	if status := s.run("build", "--push", "--log-dir", "file/logs", "-t", "HOST/app", "."); status != exitUsage {
		t.Errorf("status %d", status)
	}
	contains(t, s.err.String(), `ERROR: --log-dir "file/logs": `, "not a directory", "Hint: ")
	if s.connects != 0 || len(s.Solves()) != 0 {
		t.Errorf("%d connections, %d solves", s.connects, len(s.Solves()))
	}
}

func TestATerminalsDisplayWithoutATerminalIsRefusedBeforeAnyWork(t *testing.T) {
	s := newStage(t)
	if status := s.run("build", "--push", "--progress", "tty", "-t", "HOST/app", "."); status != exitUsage || s.connects != 0 {
		t.Errorf("status %d, %d connections", status, s.connects)
	}
	contains(t, s.err.String(), "--progress tty: ", "not a terminal")
}

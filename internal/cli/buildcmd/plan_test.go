package buildcmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

const planned = "FROM --platform=$BUILDPLATFORM golang as build\nARG TARGETARCH=amd64\nRUN GOARCH=$TARGETARCH go build\nFROM alpine\nRUN make\nCOPY --from=build /x /\n"

func TestAPlanAsJSONHasTheseKeys(t *testing.T) {
	s := newHarness(t)
	s.Write("Dockerfile", planned)
	if status := s.Command("plan", "--format", "json", "--platform", "linux/amd64,linux/arm64", "--push", "-t", "HOST/app:v1", "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(s.Out.String()), "", " "); err != nil {
		t.Fatal(err)
	}
	want := `{
 "ok": true,
 "platforms": [
  {
   "platform": "linux/amd64",
   "node": "default",
   "mode": "native",
   "how": "native"
  },
  {
   "platform": "linux/arm64",
   "node": "default",
   "mode": "emulated",
   "how": "emulated"
  }
 ],
 "install": [],
 "result": [
  "registry HOST/app:v1"
 ],
 "findings": [],
 "steps": [
  {
   "file": "Dockerfile",
   "line": 1,
   "stage": "build",
   "step": "FROM docker.io/library/golang:latest",
   "platforms": [
    "linux/amd64",
    "linux/arm64"
   ]
  },
  {
   "file": "Dockerfile",
   "line": 3,
   "stage": "build",
   "step": "RUN GOARCH=amd64 go build",
   "runs": "native",
   "on": "linux/amd64",
   "platforms": [
    "linux/amd64",
    "linux/arm64"
   ]
  },`
	got := s.Normal(indented.String())
	if diff := cmp.Diff(want, got[:min(len(want), len(got))]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var plan struct {
		Bases []map[string]any
		Hints []struct {
			Rule string
			Line int
		}
		Lint []map[string]any
	}
	if err := json.Unmarshal([]byte(s.Out.String()), &plan); err != nil {
		t.Fatal(err)
	}
	bases := `[{"digest":"sha256:1","file":"Dockerfile","image":"golang:latest","line":1,"offers":[],"platforms":[` +
		`{"config":"linux/amd64","fetched":"linux/amd64","platform":"linux/amd64","verdict":"ok"},` +
		`{"config":"linux/amd64","fetched":"linux/amd64","platform":"linux/arm64","verdict":"ok"}]},` +
		`{"digest":"sha256:2","file":"Dockerfile","image":"alpine:latest","line":4,"offers":[],"platforms":[` +
		`{"config":"linux/amd64","fetched":"linux/amd64","platform":"linux/amd64","verdict":"ok"},` +
		`{"config":"linux/arm64","fetched":"linux/arm64","platform":"linux/arm64","verdict":"ok"}]}]`
	raw, _ := json.Marshal(plan.Bases)
	if diff := cmp.Diff(bases, s.Normal(string(raw))); diff != "" {
		t.Errorf("bases (-want +got):\n%s", diff)
	}
	if len(plan.Hints) != 2 || plan.Hints[0].Rule != "arg-default" || plan.Hints[0].Line != 2 || plan.Hints[1].Rule != "emulated-compile" {
		t.Errorf("hints: %v", plan.Hints)
	}
	raw, _ = json.Marshal(plan.Lint)
	lint := `[{"file":"Dockerfile","line":1,"message":"'as' and 'FROM' keywords' casing do not match","rule":"FromAsCasing",` +
		`"url":"https://docs.docker.com/go/dockerfile/rule/from-as-casing/"}]`
	if diff := cmp.Diff(lint, string(raw)); diff != "" {
		t.Errorf("lint (-want +got):\n%s", diff)
	}
	if s.Tagged("app:v1") != "" {
		t.Error("a tag was pushed")
	}
}

func TestAPlanNeedsNoOutput(t *testing.T) {
	for _, args := range [][]string{{"plan", "."}, {"build", "--dry-run", "."}, {"plan", "-t", "app", "."}} {
		s := newHarness(t)
		if status := s.Command(args...); status != 0 {
			t.Fatalf("%q: status %d:\n%s", args, status, s.Err.String())
		}
		clitest.Contains(t, s.Out.String(), "linux/amd64   default   native", "RUN echo hello", "BASE IMAGE", "alpine:latest   Dockerfile:1   ✓")
	}
}

func TestAPlanOfABuildThatWouldBeRefusedIsStatus1(t *testing.T) {
	s := newHarness(t)
	status := s.Command("plan", "--platform", "linux/amd64,linux/s390x", "--emulators", "never", "--push", "-t", "127.0.0.1:1/app", ".")
	if status != cli.ExitFailed {
		t.Errorf("status %d", status)
	}
	clitest.Contains(t, s.Out.String(), "BLOCKERS", "127.0.0.1:1", "node default cannot run programs for linux/s390x",
		"docker multiarch emulators install linux/s390x")
	if strings.Contains(s.Err.String(), "ERROR: ") {
		t.Errorf("%s", s.Err.String())
	}
}

func TestAPlanSaysWhatWouldBeInstalled(t *testing.T) {
	s := newHarness(t)
	if status := s.Command("plan", "--platform", "linux/s390x", "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	clitest.Contains(t, s.Out.String(), "emulated (to be installed)", "Emulators to install: linux/s390x")
}

func TestBadWordsOfAPlan(t *testing.T) {
	for _, args := range [][]string{{"plan", "--format", "{{", "."}, {"plan", "--platform", "linux/nothing", "."}, {"plan"}} {
		s := newHarness(t)
		if status := s.Command(args...); status != cli.ExitUsage || s.Connects != 0 {
			t.Errorf("%q: status %d, %d connections", args, status, s.Connects)
		}
	}
}

func TestABuildThatIsRefusedSaysEachReasonWithItsHint(t *testing.T) {
	s := newHarness(t)
	status := s.Command("build", "--platform", "linux/amd64,linux/s390x", "--emulators", "never", "--push", "-t", "127.0.0.1:1/app", ".")
	if status != cli.ExitFailed {
		t.Errorf("status %d", status)
	}
	clitest.Contains(t, s.Err.String(), "ERROR: cannot start the build (2 problems, nothing was changed):\nerror: push to ", "\nerror: node default cannot run programs for linux/s390x",
		"\n    docker multiarch emulators install linux/s390x")
}

func TestAQuestionAboutADockerfileThatCannotBeReadShowsTheLine(t *testing.T) {
	for _, args := range [][]string{{"plan", "."}, {"build", "--dry-run", "."}, {"build", "--check", "."}, {"build", "--push", "-t", "HOST/app", "."}} {
		s := newHarness(t)
		s.onEngine()
		s.Write("Dockerfile", "ARG ARCH\nFROM alpine\n\nFROM nowhere.invalid/none:latest-$ARCH\nRUN make\n")
		s.Image = func(ref string, p platform.Platform) (platform.Platform, error) {
			if strings.Contains(ref, "nowhere.invalid") {
				return p, errors.New("no such image")
			}
			return p, nil
		}
		if status := s.Command(args...); status != cli.ExitFailed {
			t.Errorf("%q: status %d", args, status)
		}
		clitest.Contains(t, s.Err.String(), "Dockerfile:4", ">>> FROM nowhere.invalid/none:latest-$ARCH")
	}
}

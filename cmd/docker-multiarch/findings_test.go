package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/findings"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/results"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/exe/exetest"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/printable"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// withProgram puts an amd64 program that is never started at /app of every image of the harness's builder.
func (s *harness) withProgram() {
	layer := s.imageMaker().tar("app", string(exetest.Program("amd64", "")))
	s.Layer = func(platform.Platform) []byte { return layer }
}

// read decodes a JSON file.
func (s *harness) read(name string, v any) {
	s.T.Helper()
	data, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		s.T.Fatal(err)
	}
}

// plain removes what other tests check: sizes, and how the test builder writes a step.
func plain(text string) string {
	text = regexp.MustCompile(`[0-9.]+kB`).ReplaceAllString(text, "SIZE")
	return regexp.MustCompile(`is for amd64(, the image for \w+)? \([^)]*\)`).ReplaceAllString(text, "is for amd64$1 (STEP)")
}

func TestFindingsStandBelowTheTableOnceForAllPlatforms(t *testing.T) {
	s := newHarness(t)
	s.withProgram()
	if status := s.Command("build", "--push", "-t", "HOST/app:v1", "--platform", clitest.ThreePlatforms, "--report", "r.md", "--metadata-file", "meta.json", "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	_, answer, _ := strings.Cut(s.Normal(s.Err.String()), "PLATFORM")
	want := `  BUILD  VERIFY  SIZE  DIGEST
linux/amd64  native TIME  ok  SIZE  sha256:1
linux/arm/v7  emulated (builder) TIME  1 warning  SIZE  sha256:2
linux/arm64  emulated TIME  1 warning  SIZE  sha256:3

SEVERITY  CHECK  PLATFORM  FINDING
warning  machine  linux/arm/v7, linux/arm64  "/app" is for amd64 (STEP)
note  same-layers  linux/arm/v7, linux/arm64  the build added the same files as for linux/amd64
Hint: files that are meant to be for another machine: --verify-allow /app

TAG  INDEX DIGEST (what docker pull shows)
HOST/app:v1  sha256:4
`
	if diff := cmp.Diff(want, plain(answer)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	clitest.Contains(t, plain(clitest.Reported(s.Harness, "r.md")), "| linux/arm/v7, linux/arm64 | \"/app\" is for amd64 (STEP) |", "| 1 warning |")
	var m results.BuildMetadata
	s.read("meta.json", &m)
	if v := m.Multiarch.Platforms[1].Verify; v.Verdict != gate.Warned || len(v.Findings) != 2 || v.Findings[0].Path != "/app" {
		t.Errorf("metadata: %+v", v)
	}
}

func TestARefusedImageIsInTheMetadataWithoutADigestOfAResult(t *testing.T) {
	s := newHarness(t)
	s.withProgram()
	args := []string{
		"build", "-q", "--verify=strict", "--push", "-t", "HOST/app:v1", "--platform", "linux/amd64,linux/arm64", "--report", "r.md",
		"--metadata-file", "meta.json", ".",
	}
	if status := s.Command(args...); status != cli.ExitFailed || s.Tagged("app:v1") != "" {
		t.Fatalf("status %d, tag %q:\n%s", status, s.Tagged("app:v1"), s.Err.String())
	}
	clitest.Contains(t, s.Err.String(), `ERROR: linux/arm64: "/app" is for amd64`, "--verify-allow /app", "--verify=off")
	clitest.Contains(t, plain(clitest.Reported(s.Harness, "r.md")), "### Failed: `HOST/app:v1`", "| refused |", "| **error** | `machine` | linux/arm64 |", "No tag was moved.", "--verify=off")
	var keys map[string]json.RawMessage
	s.read("meta.json", &keys)
	var m results.BuildMetadata
	s.read("meta.json", &m)
	if len(keys) != 1 || m.Multiarch.Failed == "" || m.Multiarch.Platforms[1].Verify.Verdict != gate.Refused || m.Multiarch.Platforms[1].Error == "" {
		t.Errorf("metadata: %v, %+v", keys, m.Multiarch)
	}
}

func TestVerifyOffLeavesTheColumnOut(t *testing.T) {
	s := newHarness(t)
	s.withProgram()
	if status := s.Command("build", "--verify=off", "--push", "-t", "HOST/app", "--platform", "linux/arm64", "--metadata-file", "meta.json", "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	if text := s.Err.String(); strings.Contains(text, "VERIFY") || strings.Contains(text, "FINDING") {
		t.Error(text)
	}
	if data, err := os.ReadFile("meta.json"); err != nil || strings.Contains(string(data), "verify") {
		t.Errorf("%v %s", err, data)
	}
}

func TestFindingsAreListedErrorsFirst(t *testing.T) {
	machine := func(p, wanted string) diag.Diagnostic {
		return diag.Diagnostic{
			Severity: diag.Error, Check: gate.CheckEntrypoint, Platforms: []string{p}, Content: diag.Content{Path: "/a", Wanted: wanted},
			Message: `"/a" is for amd64, the image for ` + wanted,
		}
	}
	all := findings.Merged([]diag.Diagnostic{
		{Severity: diag.Note, Check: "n", Platforms: []string{"linux/amd64"}, Message: "a note"},
		machine("linux/arm64", "arm64"), machine("linux/s390x", "s390x"), machine("linux/riscv64", "riscv64"), machine("linux/ppc64le", "ppc64le"),
		{Severity: diag.Warning, Check: "w", Platforms: []string{"linux/arm64"}, Content: diag.Content{Path: "/b\x1b[2J\n"}, Message: "/b\x1b[2J\n is odd"},
	})
	var lines []string
	for _, f := range all {
		lines = append(lines, string(f.Severity)+" "+findings.PlatformNames(f)+": "+printable.Line(f.Message))
	}
	want := []string{
		`error linux/arm64, linux/s390x and 2 more: "/a" is for amd64`,
		"warning linux/arm64: /b\uFFFD[2J  is odd",
		"note linux/amd64: a note",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

package buildcmd

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/question"
)

const casing = "from alpine as Build\nRUN true\nFROM scratch\nCOPY --from=Build /x /\n"

func TestACallIsParsedAsDockerBuildxDoes(t *testing.T) {
	for in, want := range map[string]*question.Call{
		"":                                    nil,
		"build":                               nil,
		"format=json":                         nil, // formats of build
		"check":                               {Question: "lint"},
		"lint":                                {Question: "lint"},
		"check,format=json":                   {Question: "lint", JSON: true},
		"format=json,outline":                 {Question: "outline", JSON: true},
		"check,ignorestatus=true,format=text": {Question: "lint", IgnoreStatus: true},
		"subrequests.describe":                {Question: "subrequests.describe"},
	} {
		got, err := question.Flags{Method: in}.Parse()
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(question.Call{})); diff != "" || err != nil {
			t.Errorf("%q (-want +got):\n%s%v", in, diff, err)
		}
	}
	refusesAtOnce(t, map[string][2]string{
		"--call check,outline":            {`--call "check,outline": want METHOD[,format=json|text]`, ""},
		"--call check,format=yaml":        {`--call "check,format=yaml": want METHOD`, ""},
		"--call check,ignorestatus=maybe": {`ignorestatus is true or false, not "maybe"`, ""},
		"--check=maybe":                   {"maybe", ""},
	})
	for args, want := range map[string]string{"--check": "check", "--check=false": "build", "--check --call outline": "outline", "--call outline --check": "check", "--print targets": "targets"} {
		if got := parsed(t, append(strings.Fields(args), ".")...).call.Method; got != want {
			t.Errorf("%s: %q", args, got)
		}
	}
}

func TestACheckNeedsNoNameAndNoOutputAndFailsWhereItFindsSomething(t *testing.T) {
	s := newHarness(t)
	s.Write("Dockerfile", casing)
	if status := s.Command("build", "--check", "--platform", clitest.ThreePlatforms, "."); status != 1 {
		t.Errorf("status %d", status)
	}
	want := `Check complete, 2 warnings have been found!

WARNING: StageNameCasing - https://docs.docker.com/go/dockerfile/rule/stage-name-casing/
Stage name 'Build' should be lowercase
Dockerfile:1
--------------------
   1 | >>> from alpine as Build
   2 |     RUN true
   3 |     FROM scratch
--------------------

WARNING: ConsistentInstructionCasing - https://docs.docker.com/go/dockerfile/rule/consistent-instruction-casing/
Command 'from' should match the case of the command majority (uppercase)
Dockerfile:1
--------------------
   1 | >>> from alpine as Build
   2 |     RUN true
   3 |     FROM scratch
--------------------
`
	if diff := cmp.Diff(want, s.Out.String()); diff != "" {
		t.Errorf("standard output (-want +got):\n%s", diff)
	}
	if strings.Contains(s.Err.String(), "ERROR") || len(s.Faults.Requests()) != 0 {
		t.Errorf("the registry got %v; standard error:\n%s", s.Faults.Requests(), s.Err.String())
	}
	s = newHarness(t)
	s.Write("Dockerfile", casing)
	if status := s.Command("build", "--call", "check,ignorestatus=true", "--push", "-t", "HOST/app", "."); status != 0 || s.Tagged("app") != "" {
		t.Errorf("status %d; tagged %q", status, s.Tagged("app"))
	}
	s = newHarness(t)
	if status := s.Command("build", "--check", "-q", "."); status != 0 || s.Out.String() != "Check complete, no warnings found.\n" || s.Err.String() != "" {
		t.Errorf("status %d, %q, %q", status, s.Out.String(), s.Err.String())
	}
}

func TestACheckReportsABrokenDockerfile(t *testing.T) {
	s := newHarness(t)
	s.Write("sub/Dockerfile", "FROM scratch\nCOOPY x /\n")
	if status := s.Command("build", "--check", "-q", "sub"); status != 1 {
		t.Errorf("status %d", status)
	}
	clitest.Contains(t, s.Err.String(), "ERROR: dockerfile parse error on line 2: unknown instruction: COOPY", "sub/Dockerfile:2\n", "   2 | >>> COOPY x /")
}

func TestAnswersThatDifferAreLabelled(t *testing.T) {
	ask := func(method string) string {
		s := newHarness(t)
		s.Write("Dockerfile", "FROM alpine AS a\nARG X=1\nFROM alpine AS b\n")
		s.Write("Dockerfile.arm", "FROM alpine AS arm\n")
		if status := s.Command("build", "-q", "--call", method, "--platform", clitest.ThreePlatforms, "-f", "Dockerfile", "-f", "linux/arm/v7:Dockerfile.arm", "."); status != 0 {
			t.Fatalf("status %d:\n%s", status, s.Err.String())
		}
		return s.Out.String()
	}
	want := `linux/amd64, linux/arm64:
TARGET      DESCRIPTION
a           
b (default) 

linux/arm/v7:
TARGET        DESCRIPTION
arm (default) 
`
	if diff := cmp.Diff(want, ask("targets")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var byPlatform map[string]struct{ Targets []struct{ Name string } }
	if err := json.Unmarshal([]byte(ask("targets,format=json")), &byPlatform); err != nil {
		t.Fatal(err)
	}
	if len(byPlatform) != 3 || byPlatform["linux/arm/v7"].Targets[0].Name != "arm" || len(byPlatform["linux/amd64"].Targets) != 2 {
		t.Errorf("%+v", byPlatform)
	}
}

func TestTheMetadataOfACallIsTheAnswer(t *testing.T) {
	s := newHarness(t)
	if status := s.Command("build", "-q", "--call", "targets", "--metadata-file", "meta.json", "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	data, err := os.ReadFile("meta.json")
	if err != nil {
		t.Fatal(err)
	}
	var meta struct {
		JSON struct{ Targets []struct{ Default bool } } `json:"result.json"`
		Text string                                     `json:"result.txt"`
	}
	if err := json.Unmarshal(data, &meta); err != nil || len(meta.JSON.Targets) != 1 || !strings.Contains(meta.Text, "TARGET") {
		t.Errorf("%s: %v", data, err)
	}
}

package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

func TestBuildsWithDigestsOnlyAreMergedUnderATag(t *testing.T) {
	s := newHarness(t)
	s.Vars["GITHUB_RUN_ID"] = "7"
	for _, arch := range []string{"amd64", "arm64"} {
		status := s.Command("build", "-q", "--platform", "linux/"+arch, "--push", "--digest-only", "-t", "HOST/app:1", "-t", "HOST/app:2", "--metadata-file", arch+".json", ".")
		if status != 0 {
			t.Fatalf("status %d\n%s", status, s.Err.String())
		}
	}
	if got := s.Tagged("app:1"); got != "" {
		t.Errorf("the tag names %s", got)
	}
	if lines := strings.Count(s.Out.String(), "@sha256:"); lines != 2 {
		t.Errorf("-q printed\n%s", s.Out.String())
	}
	data, err := os.ReadFile("arm64.json")
	if err != nil {
		t.Fatal(err)
	}
	clitest.Contains(t, string(data), `"image.name": "`+s.Host+`/app"`, `"run": "7"`, `"byDigest": [`)
	if status := s.Command("manifest", "merge", "-q", "-t", "HOST/app:1", "--expect", "linux/amd64,linux/arm64/v8", "--metadata-file", "all.json", "amd64.json", "arm64.json"); status != 0 {
		t.Fatalf("status %d\n%s", status, s.Err.String())
	}
	clitest.Contains(t, s.Out.String(), s.Host+"/app@"+s.Tagged("app:1"))
	if status := s.Command("manifest", "merge", "-t", "HOST/app:3", "all.json"); status != 0 {
		t.Errorf("its own metadata is no input: %s", s.Err.String())
	}
	s.Vars["GITHUB_RUN_ID"] = "8"
	s.Command("build", "-q", "--platform", "linux/arm/v7", "--push", "--digest-only", "-t", "HOST/app", "--metadata-file", "late.json", ".")
	if status := s.Command("manifest", "merge", "-t", "HOST/app:2", "amd64.json", "late.json"); status != cli.ExitUsage {
		t.Errorf("status %d", status)
	}
	clitest.Contains(t, s.Err.String(), "two CI runs", "late.json")
}

func TestWrongWordsOfAMergeAreRefusedBeforeAnyWork(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"no input":                 {[]string{"-t", "HOST/app:1"}, "at least one input"},
		"no name":                  {[]string{"HOST/app:1"}, "--tag or --onto"},
		"a name that is none":      {[]string{"-t", "HOST/App", "HOST/app:1"}, "invalid image name"},
		"a platform twice":         {[]string{"-t", "HOST/app:1", "--expect", "arm64,arm64/v8", "HOST/app:1"}, "--expect"},
		"media types":              {[]string{"-t", "HOST/app:1", "--media-types", "zip", "HOST/app:1"}, "auto, oci, docker"},
		"a manifest's annotation":  {[]string{"-t", "HOST/app:1", "--annotation", "manifest:a=b", "HOST/app:1"}, "manifest and digest"},
		"annotations for Docker":   {[]string{"-t", "HOST/app:1", "--media-types", "docker", "--annotation", "a=b", "HOST/app:1"}, "cannot have annotations"},
		"a result over an input":   {[]string{"-t", "HOST/app:1", "--metadata-file", "Dockerfile", "Dockerfile"}, "which is an input"},
		"a file that is no result": {[]string{"-t", "HOST/app:1", "./Dockerfile"}, "not a tar archive"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newHarness(t)
			if status := s.Command(append([]string{"manifest", "merge"}, tt.args...)...); status != cli.ExitUsage {
				t.Errorf("status %d", status)
			}
			clitest.Contains(t, s.Err.String(), tt.want)
			if requests := s.Faults.Requests(); len(requests) > 0 {
				t.Errorf("%v", requests)
			}
		})
	}
}

func TestDigestsOnlyWithoutAPushAreRefused(t *testing.T) {
	s := newHarness(t)
	if status := s.Command("build", "--digest-only", "-t", "HOST/app", "."); status != cli.ExitUsage {
		t.Errorf("status %d", status)
	}
	clitest.Contains(t, s.Err.String(), "--push")
}

func TestAnInsecureMergeTrustsTheRegistriesOfItsTagsAndInputsOnly(t *testing.T) {
	s := newHarness(t)
	var asked []string
	client := s.Env.Registry
	s.Env.Registry = func(ctx context.Context, note func(string), insecure ...string) *manifest.Client {
		asked = append(asked, strings.Join(insecure, " "))
		return client(ctx, note)
	}
	for _, args := range [][]string{
		{"--insecure", "--dry-run", "-t", "one.test/app:1", "--onto", "two.test/app:1", "HOST/app:none"},
		{"--dry-run", "-t", "one.test/app:1", "HOST/app:none"},
	} {
		if status := s.Command(append([]string{"manifest", "merge"}, args...)...); status != cli.ExitFailed {
			t.Errorf("status %d", status)
		}
		clitest.Contains(t, s.Err.String(), s.Host+"/app:none")
	}
	if diff := cmp.Diff([]string{"one.test two.test " + s.Host, ""}, asked); diff != "" {
		t.Error(diff)
	}
}

package buildcmd

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestAPrefixThatIsNotARequestedPlatformIsRefusedAtOnce(t *testing.T) {
	refusesAtOnce(t, map[string][2]string{
		"--platform linux/amd64,linux/arm64 --build-arg linux/s390x:A=1": {
			`--build-arg "linux/s390x:A=1": linux/s390x is not one of the requested platforms: linux/amd64, linux/arm64`, "",
		},
		"--build-arg linux/arm64:A=1":                       {"linux/arm64 is not a requested platform: add --platform", ""},
		"--platform linux/amd64 --target linux/amd46:x":     {`--target "linux/amd46:x": unknown platform "linux/amd46": did you mean "linux/amd64"?`, ""},
		"--platform linux/amd64 --file linux/amd64:":        {"the value after the platform is missing", ""},
		"--platform linux/amd64 -f linux/arm64:Dockerfile":  {`--file "linux/arm64:Dockerfile": linux/arm64 is not one of the requested platforms`, ""},
		"--platform linux/amd64 --build-arg linux/amd64:=x": {`--build-arg "=x" is not of the form`, ""},
	})
}

func TestValuesForOnePlatformWinAndTheLastOneCounts(t *testing.T) {
	s := newHarness(t)
	s.Vars["FROM_ENV"] = "e"
	s.Write("Dockerfile.arm", "FROM alpine AS small\nFROM small AS big\nRUN echo arm\n")
	args := []string{
		"build", "-q", "--push", "-t", "HOST/app", "--platform", "linux/amd64,linux/arm64", "--build-arg", "A=1", "--build-arg", "linux/arm64:A=2",
		"--build-arg", "linux/aarch64:A=3", "--build-arg", "linux/amd64:FROM_ENV", "-f", "Dockerfile", "-f", "linux/arm64:Dockerfile.arm",
		"--target", "linux/arm64:small", "--target", "linux/arm64:big", ".",
	}
	if status := s.Command(args...); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	var got [][4]string
	for _, solve := range s.Solves() {
		attrs := s.Readings(solve.Platform)[0].FrontendOpt
		got = append(got, [4]string{attrs["build-arg:A"], attrs["build-arg:FROM_ENV"], attrs["filename"], attrs["target"]})
	}
	if diff := cmp.Diff([][4]string{{"1", "e", "Dockerfile", ""}, {"3", "", "Dockerfile.arm", "big"}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNoCommonDockerfileIsNeededWhereEachPlatformHasItsOwn(t *testing.T) {
	s := newHarness(t)
	s.Write("empty/x", "")
	s.Write("Dockerfile-amd64", "FROM scratch\nCOPY x /\n")
	s.Write("Dockerfile-arm", "FROM scratch\nCOPY x /\n")
	status := s.Command("build", "-q", "--push", "-t", "HOST/app", "--platform", "linux/amd64,linux/arm/v7",
		"-f", "linux/amd64:Dockerfile-amd64", "-f", "linux/arm:Dockerfile-arm", "empty")
	if status != 0 || s.Tagged("app") == "" {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
}

func TestADockerfileIsDownloadedOnceForAllPlatforms(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = w.Write([]byte("FROM alpine\nRUN echo downloaded\n"))
	}))
	defer server.Close()
	s := newHarness(t)
	if status := s.Command("build", "-q", "--push", "-t", "HOST/app", "--platform", clitest.ThreePlatforms, "-f", server.URL+"/Dockerfile", "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	if n := s.Ran("RUN echo downloaded"); n != 3 || asked != 1 {
		t.Errorf("ran %d times, downloaded %d times", n, asked)
	}
}

func TestTheEnvironmentOfABuild(t *testing.T) {
	parse := func(s *harness, args ...string) (job, error) {
		return parseBuild(t.Context(), s.Env, parsed(t, append(args, "--push", "-t", s.Host+"/app", ".")...))
	}
	t.Run("a time that is none is refused", func(t *testing.T) {
		s := newHarness(t)
		s.Vars["SOURCE_DATE_EPOCH"] = "yesterday"
		if status := s.Command("build", "--push", "-t", "HOST/app", "."); status != cli.ExitUsage || s.Connects != 0 {
			t.Errorf("status %d", status)
		}
		clitest.Contains(t, s.Err.String(), `SOURCE_DATE_EPOCH="yesterday" in the environment is not a time`)
		if status := s.Command("build", "-q", "--push", "-t", "HOST/app", "--build-arg", "SOURCE_DATE_EPOCH=", "."); status != 0 {
			t.Errorf("status %d: a build argument wins", status)
		}
	})
	t.Run("a time of one platform is its own", func(t *testing.T) {
		s := newHarness(t)
		s.Vars["SOURCE_DATE_EPOCH"] = "1"
		j, err := parse(s, "--platform", "linux/amd64,linux/arm64", "--build-arg", "linux/arm64:SOURCE_DATE_EPOCH=2")
		if err != nil || j.request.BuildArgs["SOURCE_DATE_EPOCH"] != "1" || j.request.Own["linux/arm64"].BuildArgs["SOURCE_DATE_EPOCH"] != "2" {
			t.Errorf("%v, %v, %v", j.request.BuildArgs, j.request.Own, err)
		}
	})
	t.Run("a multi-platform result is an index", func(t *testing.T) {
		j, err := parse(newHarness(t), "--build-arg", "BUILDKIT_MULTI_PLATFORM=1")
		if _, passed := j.request.BuildArgs["BUILDKIT_MULTI_PLATFORM"]; passed || !j.request.Index || err != nil {
			t.Errorf("%+v, %v", j.request, err)
		}
	})
	t.Run("this machine's platform", func(t *testing.T) {
		j, err := parse(newHarness(t), "--platform", "local,linux/s390x")
		if err != nil || len(j.request.Platforms) != 2 || platform.Format(j.request.Platforms[1]) != "linux/s390x" {
			t.Errorf("%v, %v", j.request.Platforms, err)
		}
	})
	t.Run("a named context is named as the frontend looks it up", func(t *testing.T) {
		j, err := parse(newHarness(t), "--build-context", "docker.io/library/alpine:latest=docker-image://busybox")
		if err != nil || j.request.Source.Attrs["context:alpine"] != "docker-image://busybox" {
			t.Errorf("%v, %v", j.request.Source.Attrs, err)
		}
	})
	t.Run("a git context over ssh needs the agent", func(t *testing.T) {
		t.Setenv("SSH_AUTH_SOCK", "")
		s := newHarness(t)
		if status := s.Command("build", "--push", "-t", "HOST/app", "git@github.com:me/app.git"); status != cli.ExitUsage {
			t.Errorf("status %d", status)
		}
		clitest.Contains(t, s.Err.String(), "--ssh: ", "SSH_AUTH_SOCK")
	})
}

func TestASourcePolicyHoldsForEveryPlatform(t *testing.T) {
	s := newHarness(t)
	s.Write("policy.json", `{"rules": [{"action": "DENY", "selector": {"identifier": "docker-image://docker.io/library/alpine*"}}]}`)
	s.Vars["EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"] = "policy.json"
	if status := s.Command("build", "--push", "-t", "HOST/app", "--platform", clitest.ThreePlatforms, "."); status != cli.ExitFailed {
		t.Errorf("status %d", status)
	}
	clitest.Contains(t, s.Err.String(), "denied by policy")
	for file, want := range map[string]string{"nothing.json": "no such file", "Dockerfile": `"Dockerfile" is not a source policy`} {
		s.Vars["EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"] = file
		if status := s.Command("build", "--push", "-t", "HOST/app", "."); status != cli.ExitUsage {
			t.Errorf("%s: status %d", file, status)
		}
		clitest.Contains(t, s.Err.String(), "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY: ", want)
	}
}

func TestAPolicyIsAskedBeforeThePins(t *testing.T) {
	s := newHarness(t)
	s.Write("policy.json", `{"rules": [{"action": "CONVERT", "selector": {"identifier": "docker-image://docker.io/library/alpine:latest"},`+
		`"updates": {"identifier": "docker-image://docker.io/library/busybox:1"}}]}`)
	s.Vars["EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"] = "policy.json"
	if status := s.Command("build", "-q", "--push", "-t", "HOST/app", "--platform", clitest.ThreePlatforms, "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	for _, solve := range s.Solves() {
		if got := strings.Join(solve.Sources, " "); !strings.Contains(got, "busybox:1@sha256:") {
			t.Errorf("%s is made from %s", platform.Format(solve.Platform), got)
		}
	}
}

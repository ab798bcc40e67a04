package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

const three = "linux/amd64,linux/arm64,linux/arm/v7"

func TestQuietPrintsTheDigestThatTheTagsNameAndNothingElse(t *testing.T) {
	s := newStage(t)
	if status := s.run("build", "-q", "--push", "-t", "HOST/app:v1", "-t", "HOST/app", "-t", "HOST/mirror/app", "--platform", three, "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.err.String())
	}
	digest := s.tagged("app:v1")
	want := s.host + "/app@" + digest + "\n" + s.host + "/mirror/app@" + digest + "\n"
	if diff := cmp.Diff(want, s.out.String()); diff != "" {
		t.Errorf("standard output (-want +got):\n%s", diff)
	}
	if s.err.String() != "" {
		t.Errorf("standard error: %s", s.err.String())
	}
}

func TestTheAnswerIsATableOfPlatformsAndOneOfTags(t *testing.T) {
	s := newStage(t)
	if status := s.run("build", "--push", "-t", "HOST/app:v1", "-t", "HOST/app:latest", "--platform", three, "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.err.String())
	}
	_, answer, _ := strings.Cut(s.normal(s.err.String()), "PLATFORM")
	want := `  HOW  TIME  SIZE  DIGEST
linux/amd64  native  TIME  360B  sha256:1
linux/arm/v7  emulated (builder)  TIME  374B  sha256:2
linux/arm64  emulated  TIME  360B  sha256:3

TAG  INDEX DIGEST (what docker pull shows)
HOST/app:v1  sha256:4
HOST/app:latest  sha256:4
`
	if diff := cmp.Diff(want, answer); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if s.out.String() != "" {
		t.Errorf("standard output: %q", s.out.String())
	}
}

func TestASecondBuildSaysThatTheTagsDidNotChange(t *testing.T) {
	s := newStage(t)
	args := []string{"build", "--push", "-t", "HOST/app", "."}
	if s.run(args...) != 0 || s.run(args...) != 0 {
		t.Fatal(s.err.String())
	}
	contains(t, s.err.String(), "IMAGE DIGEST (what docker pull shows)", "(unchanged)")
}

func TestTheMetadataFileHasThePeersKeysAndOurs(t *testing.T) {
	s := newStage(t)
	s.write("meta.json", "of an earlier run")
	status := s.run("build", "-q", "--push", "-t", "HOST/app:v1", "--platform", three, "--metadata-file", "meta.json", "--iidfile", "iid", ".")
	if status != 0 {
		t.Fatalf("status %d:\n%s", status, s.err.String())
	}
	data, err := os.ReadFile("meta.json")
	if err != nil {
		t.Fatal(err)
	}
	want := `{
  "containerimage.digest": "sha256:1",
  "containerimage.descriptor": {
    "mediaType": "application/vnd.oci.image.index.v1+json",
    "digest": "sha256:1",
    "size": 939
  },
  "image.name": "HOST/app:v1",
  "multiarch": {
    "schemaVersion": 1,
    "index": "sha256:1",
    "platforms": [
      {
        "platform": "linux/amd64",
        "manifest": "sha256:2",
        "config": "sha256:3",
        "size": 360,
        "node": "default",
        "how": "native",
        "seconds": 0
      },
      {
        "platform": "linux/arm/v7",
        "manifest": "sha256:4",
        "config": "sha256:5",
        "size": 374,
        "node": "default",
        "how": "emulated (builder)",
        "seconds": 0
      },
      {
        "platform": "linux/arm64",
        "manifest": "sha256:6",
        "config": "sha256:7",
        "size": 360,
        "node": "default",
        "how": "emulated",
        "seconds": 0
      }
    ],
    "tags": [
      {
        "name": "HOST/app:v1",
        "digest": "sha256:1",
        "state": "moved"
      }
    ]
  }
}
`
	if diff := cmp.Diff(want, s.normal(string(data))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	iid, err := os.ReadFile("iid")
	if err != nil || string(iid) != s.tagged("app:v1") || !strings.Contains(s.out.String(), "@"+string(iid)) {
		t.Errorf("--iidfile has %q, %v; standard output %q", iid, err, s.out.String())
	}
}

func TestAPlainManifestsMetadataHasItsConfigAndNoIndex(t *testing.T) {
	s := newStage(t)
	if status := s.run("build", "-q", "--push", "-t", "HOST/app", "--metadata-file", "meta.json", "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.err.String())
	}
	data, _ := os.ReadFile("meta.json")
	var m buildMetadata
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	if m.ConfigDigest == "" || m.ConfigDigest != m.Multiarch.Platforms[0].Config || m.Multiarch.Index != "" || m.Digest.String() != s.tagged("app") {
		t.Errorf("%s", data)
	}
}

func TestAFailedBuildLeavesNoFilesOfAnEarlierRunAndMovesNoTag(t *testing.T) {
	s := newStage(t)
	s.write("meta.json", "{}")
	s.write("iid", "sha256:x")
	s.Run = func(_ context.Context, p platform.Platform) error {
		if p.Architecture == "arm64" {
			return errors.New("exit code: 1")
		}
		return nil
	}
	if status := s.run("build", "-q", "--push", "-t", "HOST/app", "--platform", three, "--metadata-file", "meta.json", "--iidfile", "iid", "."); status != 1 {
		t.Errorf("status %d", status)
	}
	for _, name := range []string{"meta.json", "iid"} {
		if _, err := os.Stat(name); !os.IsNotExist(err) {
			t.Errorf("%s is there: %v", name, err)
		}
	}
	contains(t, s.err.String(), "No tag was moved.", "ERROR: linux/arm64: ", "exit code: 1")
	if s.out.String() != "" || s.tagged("app") != "" {
		t.Errorf("standard output %q; the tag names %q", s.out.String(), s.tagged("app"))
	}
}

func TestOutputFilesThatAreNoRegularFilesStayWhatTheyAre(t *testing.T) {
	s := newStage(t)
	s.write("real", "")
	for _, link := range []string{"iid", "meta.json"} {
		if err := os.Symlink("real", link); err != nil {
			t.Fatal(err)
		}
		if status := s.run("build", "-q", "--push", "-t", "HOST/app", "--"+map[string]string{"iid": "iidfile", "meta.json": "metadata-file"}[link], link, "."); status != 0 {
			t.Fatalf("status %d: %s", status, s.err.String())
		}
		if target, err := os.Readlink(link); err != nil || target != "real" {
			t.Errorf("%s: %q, %v", link, target, err)
		}
		if data, _ := os.ReadFile("real"); !strings.Contains(string(data), s.tagged("app")) {
			t.Errorf("%s has %q", link, data)
		}
	}
}

func TestTheTableOfAFailedBuildSaysWhichPlatformFailed(t *testing.T) {
	s := newStage(t)
	s.Run = func(_ context.Context, p platform.Platform) error {
		if p.Architecture == "arm64" {
			return errors.New("exit code: 1")
		}
		return nil
	}
	if status := s.run("build", "--push", "-t", "HOST/app", "--platform", "linux/amd64,linux/arm64", "."); status != 1 {
		t.Errorf("status %d", status)
	}
	_, answer, _ := strings.Cut(s.normal(s.err.String()), "PLATFORM")
	want := `  HOW  TIME  SIZE  DIGEST
linux/amd64  native  TIME  360B  sha256:1
linux/arm64  emulated  TIME  -  failed

No tag was moved.
ERROR: linux/arm64: exit code: 1
`
	if diff := cmp.Diff(want, answer); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestARegistryThatTakesOnlyOneTagIsStatus4(t *testing.T) {
	s := newStage(t)
	s.faults.Add(faultregistry.Fault{Match: faultregistry.On("PUT", "/manifests/v2"), Do: faultregistry.Answer(403, "DENIED", "immutable")})
	if status := s.run("build", "--push", "-t", "HOST/app:v1", "-t", "HOST/app:v2", "."); status != exitPush {
		t.Errorf("status %d", status)
	}
	contains(t, s.err.String(), "(FAILED)", "Tags that were moved before: "+s.host+"/app:v1", "ERROR: ", "DENIED")
	if s.tagged("app:v1") == "" {
		t.Error("v1 was not pushed")
	}
}

func TestARegistryThatRefusesIsSaidBeforeAnythingIsBuilt(t *testing.T) {
	s := newStage(t)
	s.faults.Add(faultregistry.Fault{Do: faultregistry.Answer(403, "DENIED", "requested access is denied")})
	s.connecting = func(ctx context.Context, _ connectOptions) error { // a builder that takes long is not waited for
		<-ctx.Done()
		return context.Cause(ctx)
	}
	start := time.Now()
	if status := s.run("build", "--push", "-t", "HOST/app", "."); status != exitFailed || time.Since(start) > 4*time.Second {
		t.Errorf("status %d after %s", status, time.Since(start))
	}
	contains(t, s.err.String(), "ERROR: ", s.host, "403 Forbidden", "requested access is denied")
	if strings.Contains(s.err.String(), "interrupted") || len(s.Solves()) != 0 {
		t.Errorf("%d solves:\n%s", len(s.Solves()), s.err.String())
	}
}

func TestAnEngineThatCannotBeReachedIsSaid(t *testing.T) {
	s := newStage(t)
	s.connecting = func(context.Context, connectOptions) error { return errors.New("cannot connect to the Docker daemon") }
	if status := s.run("build", "--push", "-t", "HOST/app", "."); status != exitFailed {
		t.Errorf("status %d", status)
	}
	contains(t, s.err.String(), "ERROR: cannot connect to the Docker daemon")
	if strings.Contains(s.err.String(), "PLATFORM") {
		t.Errorf("a table of nothing:\n%s", s.err.String())
	}
}

func TestPlatformsThatCannotRunComeWithTheCommandsThatHelp(t *testing.T) {
	for emulators, why := range map[string]string{"auto": ": the engine is rootless", "never": ""} {
		s := newStage(t)
		if status := s.run("build", "--push", "-t", "HOST/app", "--platform", "linux/s390x,linux/riscv64,linux/amd64", "--emulators", emulators, "."); status != exitFailed {
			t.Errorf("status %d", status)
		}
		contains(t, s.err.String(), "cannot run programs for linux/riscv64, linux/s390x", "has steps that do"+why, "Hint: ", "riscv64,s390x", "$BUILDPLATFORM")
	}
}

// interruptedBy runs a build that a signal stops while its steps run.
func interruptedBy(t *testing.T, stop func(cancel context.CancelFunc)) (*stage, int) {
	t.Helper()
	s := newStage(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.Run = func(ctx context.Context, p platform.Platform) error {
		if p.Architecture != "arm64" {
			return nil
		}
		stop(cancel)
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return s, s.runIn(ctx, "build", "--push", "-t", "HOST/app", "--platform", three, ".")
}

func TestAnInterruptedBuildMovesNoTagAndSaysSoInItsStatus(t *testing.T) {
	signal := func(sig syscall.Signal) func(context.CancelFunc) {
		return func(context.CancelFunc) { _ = syscall.Kill(os.Getpid(), sig) }
	}
	for name, tt := range map[string]struct {
		stop func(context.CancelFunc)
		want int
	}{
		"Ctrl-C":                    {signal(syscall.SIGINT), 130},
		"SIGTERM":                   {signal(syscall.SIGTERM), 143},
		"the Docker CLI cancels us": {func(cancel context.CancelFunc) { cancel() }, 130},
	} {
		t.Run(name, func(t *testing.T) {
			s, status := interruptedBy(t, tt.stop)
			if status != tt.want || s.tagged("app") != "" {
				t.Errorf("status %d, want %d; the tag names %q", status, tt.want, s.tagged("app"))
			}
			contains(t, s.err.String(), "interrupted\n", "No tag was moved.")
			if strings.Contains(s.err.String(), "ERROR") {
				t.Errorf("an error too:\n%s", s.err.String())
			}
		})
	}
}

func TestABuilderIsAskedForWithWhatTheBuildNeeds(t *testing.T) {
	s := newStage(t)
	var got connectOptions
	s.connecting = func(_ context.Context, o connectOptions) error { got = o; return nil }
	s.run("build", "-q", "--push", "-t", "HOST/app", "--builder", "mine", "--builder-image", "img", "--driver-opt", "network=host", ".")
	if diff := cmp.Diff(builderOptions{name: "mine", image: "img", driverOpts: []string{"network=host"}}, got.builder, cmp.AllowUnexported(builderOptions{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	contains(t, strings.Join(got.references, " "), s.host+"/app:latest", "alpine")
}

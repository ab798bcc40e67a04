package buildcmd

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/results"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestQuietPrintsTheDigestThatTheTagsNameAndNothingElse(t *testing.T) {
	s := newHarness(t)
	if status := s.Command("build", "-q", "--push", "-t", "HOST/app:v1", "-t", "HOST/app", "-t", "HOST/mirror/app", "--platform", clitest.ThreePlatforms, "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	digest := s.Tagged("app:v1")
	want := s.Host + "/app@" + digest + "\n" + s.Host + "/mirror/app@" + digest + "\n"
	if diff := cmp.Diff(want, s.Out.String()); diff != "" {
		t.Errorf("standard output (-want +got):\n%s", diff)
	}
	if s.Err.String() != "" {
		t.Errorf("standard error: %s", s.Err.String())
	}
}

func TestTheAnswerIsATableOfPlatformsAndOneOfTags(t *testing.T) {
	s := newHarness(t)
	if status := s.Command("build", "--push", "-t", "HOST/app:v1", "-t", "HOST/app:latest", "--platform", clitest.ThreePlatforms, "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	_, answer, _ := strings.Cut(s.Normal(s.Err.String()), "PLATFORM")
	want := `  BUILD  VERIFY  SIZE  DIGEST
linux/amd64  native TIME  ok  445B  sha256:1
linux/arm/v7  emulated (builder) TIME  ok  459B  sha256:2
linux/arm64  emulated TIME  ok  445B  sha256:3

TAG  INDEX DIGEST (what docker pull shows)
HOST/app:v1  sha256:4
HOST/app:latest  sha256:4
`
	if diff := cmp.Diff(want, answer); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if s.Out.String() != "" {
		t.Errorf("standard output: %q", s.Out.String())
	}
}

func TestASecondBuildSaysThatTheTagsDidNotChange(t *testing.T) {
	s := newHarness(t)
	args := []string{"build", "--push", "-t", "HOST/app", "."}
	for range 2 {
		if s.Command(args...) != 0 {
			t.Fatal(s.Err.String())
		}
	}
	clitest.Contains(t, s.Err.String(), "IMAGE DIGEST (what docker pull shows)", "(unchanged)")
}

func TestTheMetadataFileHasThePeersKeysAndOurs(t *testing.T) {
	s := newHarness(t)
	s.Write("meta.json", "of an earlier run")
	status := s.Command("build", "-q", "--push", "-t", "HOST/app:v1", "--platform", clitest.ThreePlatforms, "--metadata-file", "meta.json", "--iidfile", "iid", ".")
	if status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
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
        "size": 445,
        "node": "default",
        "how": "native",
        "seconds": 0,
        "verify": {
          "verdict": "ok",
          "files": 0,
          "baseExamined": true
        }
      },
      {
        "platform": "linux/arm/v7",
        "manifest": "sha256:4",
        "config": "sha256:5",
        "size": 459,
        "node": "default",
        "how": "emulated (builder)",
        "seconds": 0,
        "verify": {
          "verdict": "ok",
          "files": 0,
          "baseExamined": true
        }
      },
      {
        "platform": "linux/arm64",
        "manifest": "sha256:6",
        "config": "sha256:7",
        "size": 445,
        "node": "default",
        "how": "emulated",
        "seconds": 0,
        "verify": {
          "verdict": "ok",
          "files": 0,
          "baseExamined": true
        }
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
	if diff := cmp.Diff(want, s.Normal(string(data))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	iid, err := os.ReadFile("iid")
	if err != nil || string(iid) != s.Tagged("app:v1") || !strings.Contains(s.Out.String(), "@"+string(iid)) {
		t.Errorf("--iidfile has %q, %v; standard output %q", iid, err, s.Out.String())
	}
}

func TestAPlainManifestsMetadataHasItsConfigAndNoIndex(t *testing.T) {
	s := newHarness(t)
	if status := s.Command("build", "-q", "--push", "-t", "HOST/app", "--metadata-file", "meta.json", "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	data, _ := os.ReadFile("meta.json")
	var m results.BuildMetadata
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	if m.ConfigDigest == "" || m.ConfigDigest != m.Multiarch.Platforms[0].Config || m.Multiarch.Index != "" || m.Digest.String() != s.Tagged("app") {
		t.Errorf("%s", data)
	}
}

func TestAFileThatIsALinkIsReplacedAndNotWrittenThrough(t *testing.T) {
	s := newHarness(t)
	s.Write("real", "mine")
	for _, link := range []string{"iid", "meta.json"} {
		if err := os.Symlink("real", link); err != nil {
			t.Fatal(err)
		}
		if status := s.Command("build", "-q", "--push", "-t", "HOST/app", "--"+map[string]string{"iid": "iidfile", "meta.json": "metadata-file"}[link], link, "."); status != 0 {
			t.Fatalf("status %d: %s", status, s.Err.String())
		}
		if isLink(link) {
			t.Errorf("%s is a link still", link)
		}
		if data, _ := os.ReadFile(link); !strings.Contains(string(data), s.Tagged("app")) {
			t.Errorf("%s has %q", link, data)
		}
		if data, _ := os.ReadFile("real"); string(data) != "mine" {
			t.Errorf("what %s led to has %q", link, data)
		}
	}
}

func TestABuilderIsRequestedWithTheNeedsOfTheBuild(t *testing.T) {
	s := newHarness(t)
	var got cli.ConnectOptions
	s.Connecting = func(_ context.Context, o cli.ConnectOptions) error { got = o; return nil }
	s.Command("build", "-q", "--push", "-t", "HOST/app", "--builder", "mine", "--builder-image", "img", "--driver-opt", "network=host", ".")
	if diff := cmp.Diff(cli.BuilderOptions{Name: "mine", Image: "img", DriverOpts: []string{"network=host"}}, got.Builder, cmp.AllowUnexported(cli.BuilderOptions{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	clitest.Contains(t, got.Host.RequestedBy, "the tag "+s.Host+"/app:latest")
}

func TestTheMetadataOfABuildWithoutARegistry(t *testing.T) {
	s := newHarness(t)
	if status := s.Command("build", "-q", "-t", "app", "--platform", "linux/amd64", "-o", "type=oci,dest=x.tar", "-o", "out", "--metadata-file", "meta.json", "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	data, err := os.ReadFile("meta.json")
	if err != nil {
		t.Fatal(err)
	}
	want := `{
  "containerimage.digest": "sha256:1",
  "containerimage.config.digest": "sha256:2",
  "containerimage.descriptor": {
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "digest": "sha256:1",
    "size": 405
  },
  "image.name": "docker.io/library/app:latest",
  "multiarch": {
    "schemaVersion": 1,
    "platforms": [
      {
        "platform": "linux/amd64",
        "manifest": "sha256:1",
        "config": "sha256:2",
        "size": 445,
        "node": "default",
        "how": "native",
        "seconds": 0,
        "verify": {
          "verdict": "ok",
          "files": 0,
          "baseExamined": true
        }
      }
    ],
    "tags": [],
    "written": [
      "x.tar",
      "out"
    ]
  }
}
`
	got := regexp.MustCompile(`"size": \d+`).ReplaceAllString(s.Normal(string(data)), `"size": 1`)
	if diff := cmp.Diff(regexp.MustCompile(`"size": \d+`).ReplaceAllString(s.Normal(want), `"size": 1`), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := s.Normal(s.Out.String()); got != "sha256:1\n" {
		t.Errorf("standard output: %q", got)
	}
}

func TestAnAnswerWithoutARegistrySaysWhereTheResultIs(t *testing.T) {
	s := newHarness(t)
	if status := s.Command("build", "--platform", clitest.ThreePlatforms, "-o", "type=oci,dest=x.tar", "-o", "out", "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	_, answer, _ := strings.Cut(s.Normal(s.Err.String()), "\n\nPLATFORM")
	_, answer, _ = strings.Cut(answer, "\n\n")
	if diff := cmp.Diff("Written: x.tar, out\nDigest: sha256:4\n", answer); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAFailedBuildSaysThatNothingWasMovedOrWritten(t *testing.T) {
	s := newHarness(t)
	s.Run = func(_ context.Context, _ platform.Platform) error { return errors.New("exit code: 1") }
	if status := s.Command("build", "-o", "out", "."); status != 1 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	clitest.Contains(t, s.Err.String(), "No tag was moved, no file was written.")
}

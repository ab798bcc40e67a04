//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

const three = "linux/amd64,linux/arm64,linux/arm/v7"

func TestThreePlatformsReallyRun(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		s.mustBuild("--platform", three, "--push", "-t", repo+":1", s.dockerfile("FROM $BASE", "RUN uname -m >/built", "CMD echo built on $(cat /built), runs on $(uname -m)"))
		index := s.remote(repo, "1")
		s.equal("the media type", index.MediaType, ociIndex)
		s.equal("the platforms", index.platforms(), []string{"linux/amd64", "linux/arm/v7", "linux/arm64"})
		for _, child := range index.Manifests {
			machine := map[string]string{"linux/amd64": "x86_64", "linux/arm64": "aarch64", "linux/arm/v7": "armv7l"}[child.platform()]
			ref := repo + "@" + child.Digest
			s.Cleanup(func() { s.docker("image", "rm", "-f", ref) })
			s.mustDocker("pull", "-q", "--platform", child.platform(), ref)
			s.equal("what "+child.platform()+" says", s.mustDocker("run", "--rm", "--platform", child.platform(), ref),
				"built on "+machine+", runs on "+machine)
		}
	})
}

func TestAFailedPlatformMovesNoTagAndTheOthersFinish(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		s.mustBuild("--push", "-t", repo+":1", s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		before := s.remote(repo, "1").digest
		// The other platforms are still at work when one has failed.
		dir := s.dockerfile("FROM $BASE", "ARG TARGETARCH", "RUN [ $TARGETARCH != arm ] && sleep 1 && echo $TARGETARCH >/done")
		r := s.build("--platform", three, "--push", "-t", repo+":1", "-t", repo+":2", "--metadata-file", "meta", "--iidfile", "iid", "--report", "report.md", dir)
		s.equal("the status", r.code, 1)
		s.equal("the standard output", r.out, "")
		s.contains("the end", r.err, "No tag was moved", "linux/arm/v7")
		s.equal("the tag that was there", s.remote(repo, "1").digest, before)
		s.equal("whether the other tag is there", s.exists(repo, "2"), false)
		report, err := os.ReadFile(filepath.Join(s.dir, "report.md"))
		s.check(err)
		rows := regexp.MustCompile("(?m)^\\| `(linux/\\S+)` .* `?(sha256:\\w+|failed)`? \\|$").FindAllStringSubmatch(string(report), -1)
		s.equal("the number of platforms in the table", len(rows), 3)
		for _, row := range rows {
			if row[1] == "linux/arm/v7" {
				s.equal("the digest of the failed one", row[2], "failed")
			} else if !s.exists(repo, row[2]) {
				s.Errorf("%s %s is not in the registry", row[1], row[2])
			}
		}
		for _, file := range []string{"meta", "iid"} {
			if _, err := os.Stat(filepath.Join(s.dir, file)); err == nil {
				s.Errorf("the failed build has left %s", file)
			}
		}
	})
}

func TestTheOrderInWhichPlatformsAreAskedForDoesNotMatter(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		dir := s.dockerfile("FROM scratch", "COPY Dockerfile /")
		s.mustBuild("--platform", "linux/amd64,linux/arm64,linux/s390x", "--push", "-t", repo+":1", dir)
		s.mustBuild("--platform", "linux/s390x", "--platform", "aarch64,x86_64", "--push", "-t", repo+":2", dir)
		s.equal("the digest", s.remote(repo, "2").digest, s.remote(repo, "1").digest)
	})
}

func TestAPlatformThatIsNamedTwiceIsBuiltOnceWithANote(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		r := s.mustBuild("--platform", "arm64,linux/arm64/v8,aarch64,armhf", "--push", "-t", repo, s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		s.equal("the platforms", s.remote(repo, "latest").platforms(), []string{"linux/arm/v7", "linux/arm64"})
		s.contains("the note", r.err, "linux/arm64/v8")
	})
}

func TestOutputsOfPlatformsAreNeverMixed(t *testing.T) {
	onEachEngine(t, func(s *story) {
		archs := []string{"386", "amd64", "arm64", "mips64le", "ppc64le", "riscv64", "s390x"}
		content := files{"Dockerfile": "FROM scratch\nARG TARGETARCH\nCOPY bin/$TARGETARCH /program\n"}
		platforms := ""
		for _, arch := range archs {
			content["bin/"+arch] = arch + noise(1<<16)
			platforms += ",linux/" + arch
		}
		dir := s.folder(content)
		for range 3 {
			repo := s.repo()
			s.mustBuild("--no-cache", "--platform", platforms[1:], "--push", "-t", repo, dir)
			for _, arch := range archs {
				if got := s.contents(s.image(repo, "latest", "linux/"+arch))["program"]; got != content["bin/"+arch] {
					s.Errorf("%s has another program: %.10q", arch, got)
				}
			}
		}
	})
}

func TestAStageForTheBuildersOwnPlatformRunsOnce(t *testing.T) {
	onEachEngine(t, func(s *story) {
		for _, flags := range [][]string{{}, {"--no-cache"}, {"--no-cache", "--jobs", "1"}, {"--jobs", "1"}} {
			repo := s.repo()
			dir := s.dockerfile("# "+random(), "FROM --platform=$BUILDPLATFORM $BASE AS tool", "RUN head -c 16 /dev/urandom | base64 >/once",
				"FROM $BASE", "RUN echo >/own", "COPY --from=tool /once /")
			s.mustBuild(append(flags, "--platform", three, "--push", "-t", repo, dir)...)
			first := s.fileOf(repo, "latest", "linux/amd64", "once")
			for _, platform := range []string{"linux/arm64", "linux/arm/v7"} {
				s.equal("the bytes of "+platform+" with "+joined(flags), s.fileOf(repo, "latest", platform, "once"), first)
			}
		}
	})
}

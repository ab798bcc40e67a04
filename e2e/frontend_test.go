//go:build e2e

package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// frontend pushes an image of BuildKit's own Dockerfile frontend, as docker/dockerfile:1 is one, and returns its name.
func (s *story) frontend() string {
	program := need(s.T, "MULTIARCH_E2E_FRONTEND")
	repo := s.repo()
	s.mustBuild("--platform", "linux/amd64", "--push", "-t", repo, "--build-context", "made="+filepath.Dir(program), s.dockerfile(
		"FROM scratch", `LABEL moby.buildkit.frontend.network.none="true"`,
		`LABEL moby.buildkit.frontend.caps="moby.buildkit.frontend.inputs,moby.buildkit.frontend.subrequests,moby.buildkit.frontend.contexts"`,
		"COPY --from=made dockerfile-frontend /bin/", `ENTRYPOINT ["/bin/dockerfile-frontend"]`,
	))
	return repo
}

// starts counts how often a build has started the frontend's container: for each start a solve resolves the image's name.
func starts(progress, image string) int {
	n := 0
	for _, lane := range lanes(progress) {
		if strings.Contains(lane, "resolve image config for docker-image://"+image) {
			n++
		}
	}
	return n
}

func TestTheImageOfAFrontendIsStartedOnceForAllPlatforms(t *testing.T) {
	onEachEngine(t, func(s *story) {
		image, repo := s.frontend(), s.repo()
		dir := s.dockerfile("# syntax="+image, "FROM $BASE AS base", "WORKDIR relative", "RUN echo "+random()+" >/made", "FROM base", "ARG TARGETARCH", "RUN echo $TARGETARCH >/arch")
		r := s.mustBuild("--platform", three, "--progress", "plain", "--push", "-t", repo, dir)
		s.equal("the starts of the frontend", starts(r.err, image), 1)
		for platform, lane := range lanes(r.err) {
			if platform != "shared" {
				s.contains("the progress of "+platform, lane, "[internal] load metadata for "+s.base, "[base 3/3] RUN echo", "[stage-1 1/1] RUN echo")
			}
			s.lacks("the names of its steps", lane, "[linux/")
		}
		s.contains("the warnings", r.err, "(WorkdirRelativePath)\n")

		alone := s.repo()
		s.mustBuild("--platform", "linux/arm64", "--push", "-t", alone, dir)
		s.equal("the image for linux/arm64", s.image(repo, "latest", "linux/arm64").digest, s.image(alone, "latest", "linux/arm64").digest)
	})
}

func TestAPlatformThatCannotBeReadWithTheOthersIsReadAlone(t *testing.T) {
	onEachEngine(t, func(s *story) {
		image, repo := s.frontend(), s.repo()
		dir := s.dockerfile("# syntax="+image, "FROM $BASE AS base-amd64", "FROM $BASE AS base-arm64", "RUN true", "FROM no-such-stage-"+random()+" AS base-arm", "FROM base-$TARGETARCH", "COPY Dockerfile /")
		r := s.build("--platform", three, "--allow-partial", "linux/arm/v7", "--progress", "plain", "--push", "-t", repo, dir)
		s.refused(r, 3, "no-such-stage-")
		s.equal("whether the tag is there", s.exists(repo, "latest"), true)
	})
}

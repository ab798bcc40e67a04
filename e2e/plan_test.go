//go:build e2e

package e2e

import (
	"encoding/json"
	"net"
	"os"
	"strings"
	"testing"
)

// single is an image for linux/amd64 alone, which is not an index.
func (s *story) single() string {
	repo := s.repo()
	s.mustBuild("--platform", "linux/amd64", "--push", "-t", repo, s.dockerfile("FROM $BASE", "COPY Dockerfile /single"))
	return repo
}

// plan plans a build of the shared builder.
func (s *story) plan(args ...string) result {
	return s.run(call{args: append([]string{"multiarch", "plan", "--builder", s.builder}, args...)})
}

func TestAPlanShowsWhatWouldBeDoneAndDoesNothing(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		dir := s.dockerfile("FROM --platform=$BUILDPLATFORM $BASE AS tool", "RUN echo "+random()+" >/tool", "FROM $BASE", "RUN echo "+random()+" >/made", "COPY --from=tool /tool /")
		s.write(dir+"/big", strings.Repeat(noise(1<<10), 4<<10))
		host, sent := s.countingEngine()
		r := s.run(call{
			args: []string{"multiarch", "plan", "--builder", s.builder, "--platform", "linux/amd64,linux/arm64", "--push", "-t", repo, dir},
			env:  []string{"DOCKER_HOST=" + host},
		})
		s.equal("the status", r.code, 0)
		s.contains("the plan", r.out, "linux/amd64", "native", "linux/arm64", "emulated", "RUN echo", "native, once, on linux/amd64",
			"no program", "Dockerfile:4", "BASE IMAGE", "✓ for linux/amd64", "registry "+repo)
		s.equal("whether the tag is there", s.exists(repo, "latest"), false)
		if n := sent(); n > 2<<20 {
			s.Errorf("%d bytes were sent", n)
		}
		built := s.mustBuild("--platform", "linux/amd64,linux/arm64", "--progress", "plain", "--push", "-t", repo, dir)
		s.contains("the build after it", built.err, "] RUN echo")
		s.lacks("what the plan has left in the cache", cachedSteps(built.err), "RUN")
	})
}

func TestAMissingPlatformOfABaseImageIsReportedWithItsLineAndThePlatformsThatExist(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		dir := s.dockerfile("FROM scratch AS other", "COPY Dockerfile /", "FROM $BASE", "RUN true", "COPY --from=other / /")
		r := s.build("--platform", "linux/amd64,linux/loong64", "--push", "-t", repo, dir)
		s.refused(r, 1, "Dockerfile:3", s.base, "not available for linux/loong64", "linux/amd64, linux/arm/v7, linux/arm64", "linux/s390x")
		s.lacks("the progress", r.err, "] RUN true", "[internal] load build context")
		plan := s.plan("--platform", "linux/amd64,linux/loong64", dir)
		s.equal("the status of the plan", plan.code, 1)
		s.contains("the plan", plan.out, "✗ missing", "BLOCKERS", "not available for linux/loong64")
	})
}

func TestABaseOfASinglePlatformIsRefusedUnlessItIsAllowed(t *testing.T) {
	onEachEngine(t, func(s *story) {
		single, repo := s.single(), s.repo()
		dir := s.dockerfile("# comment", "FROM "+single, "COPY Dockerfile /")
		args := []string{"--platform", twoPlatforms, "--push", "-t", repo}
		s.refused(s.build(append(args, dir)...), 1, "Dockerfile:2", single, "single image for linux/amd64", "--allow-platform-mismatch "+single)
		s.equal("whether the tag is there", s.exists(repo, "latest"), false)
		s.mustBuild(append(args, "--allow-platform-mismatch", single, "--verify", "off", dir)...)
		only := s.mustBuild(append(args, s.dockerfile("FROM $BASE", "COPY --from="+single+" /single /"))...)
		s.contains("the progress of one that only copies", only.err, "warning: Dockerfile:2", "single image for linux/amd64")
	})
}

func TestAllThatIsInTheWayOfABuildIsSaidAtOnce(t *testing.T) {
	onEachEngine(t, func(s *story) {
		closed := s.listen(func(l net.Listener) { _ = l.Close() })
		single := s.single()
		dir := s.folder(files{"Dockerfile": s.onBase("FROM "+single+" AS one", "RUN true", "FROM $BASE", "RUN true", "COPY --from=one / /"), "big": noise(4 << 20)})
		s.mustBuild("--push", "-t", s.repo(), s.dockerfile("FROM scratch", "COPY Dockerfile /")) // so that there is a builder
		r := s.build("--platform", "linux/amd64,linux/arm64,linux/mips64le,linux/loong64", "--emulators", "never", "--push", "-t", closed+"/app", dir)
		s.refused(r, 1, "cannot start the build", "not available for linux/loong64", "single image for linux/amd64", closed, "cannot run programs for linux/mips64le",
			"docker multiarch emulators install linux/mips64le")
	})
}

func TestHintsNameTheirLines(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir := s.dockerfile("ARG TARGETOS", "FROM $BASE AS build", "ARG TARGETARCH=amd64", "RUN make -C /src $TARGETARCH", "RUN echo $TARGETOS",
			"ADD https://example.invalid/app-x86_64 /", "RUN echo $TARGETVARIANT", "FROM --platform=$BUILDPLATFORM $BASE", "COPY big /", "COPY --from=build /x /x")
		s.check(os.WriteFile(dir+"/big", make([]byte, 11<<20), 0o644))
		r := s.plan("--format", "json", "--platform", "linux/amd64,linux/arm64", "--cache-mounts", "shared", dir)
		var plan struct {
			OK    bool
			Hints []struct {
				Rule, File string
				Line       int
			}
			Lint []struct{ Rule string }
		}
		s.check(json.Unmarshal([]byte(r.out), &plan))
		lines := map[string]int{}
		for _, h := range plan.Hints {
			lines[h.Rule] = h.Line
			s.equal("the file of "+h.Rule, h.File, "Dockerfile")
		}
		s.equal("the lines", lines, map[string]int{
			"arg-before-from": 5, "arg-default": 3, "arg-unused": 7, "emulated-compile": 4, "final-stage-pinned": 8, "foreign-download": 6,
		})
		s.equal("whether the build could begin", plan.OK, true)
	})
}

func TestAPlanOfAContextThatIsNotLocal(t *testing.T) {
	onEachEngine(t, func(s *story) {
		r := s.run(call{args: []string{"multiarch", "plan", "--builder", s.builder, "--platform", twoPlatforms, "-"}, stdin: strings.NewReader(s.onBase("FROM $BASE", "ARG TARGETARCH=amd64", "RUN echo $TARGETARCH"))})
		s.equal("the status", r.code, 0)
		s.contains("the plan", r.out, "arg-default", "RUN echo", "Dockerfile:2")
	})
}

func TestARecipeForAStageThatIsNotThereIsRefusedBeforeAnythingRuns(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir := s.dockerfile("FROM $BASE AS build", "RUN echo "+random()+" >/made", "FROM $BASE", "COPY --from=build /made /")
		args := []string{"--platform", twoPlatforms, "--cross", "go:build,go:biuld"}
		plan := s.plan(append(args, dir)...)
		s.equal("the status of the plan", plan.code, 1)
		s.contains("the plan", plan.out, "BLOCKERS", `stage "biuld"`, "RECIPE:STAGE", "RUN echo")
		r := s.build(append(args, "--push", "-t", s.repo(), dir)...)
		s.refused(r, 1, `stage "biuld"`, "RECIPE:STAGE")
		s.lacks("the progress", r.err, "] RUN echo", "[internal] load build context")
	})
}

func TestAPlanSaysWhyAStageIsNotMoved(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir := s.dockerfile("FROM $BASE AS build", "RUN echo hello >/made", "FROM $BASE", "COPY --from=build /made /")
		args := []string{"--platform", twoPlatforms, "--format", "json", dir}
		type stages []struct {
			Stage, Check string
			Line         int
			Moved        bool
			Platforms    []string
		}
		of := func(args ...string) (plan struct{ Stages stages }) {
			r := s.plan(args...)
			s.equal("the status of the plan", r.code, 0)
			s.check(json.Unmarshal([]byte(r.out), &plan))
			return plan
		}
		s.equal("the stages", of(args...).Stages, stages{{Stage: "build", Check: "no-recipe", Line: 1, Platforms: []string{"linux/arm64"}}})
		s.equal("the stages with nothing to move", len(of(append([]string{"--cross", "off"}, args...)...).Stages), 0)
	})
}

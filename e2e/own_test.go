//go:build e2e

package e2e

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

func TestPlatformsHaveDockerfilesArgumentsAndTargetsOfTheirOwnInOneIndex(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir := s.folder(files{
			"Dockerfile-amd64":            s.onBase("FROM $BASE", "ARG WHO=nobody", "RUN echo intel $WHO >/who", "COPY . /all"),
			"Dockerfile.arm":              s.onBase("FROM $BASE AS small", "ARG WHO=nobody", "RUN echo arm $WHO $(uname -m) >/who", "COPY . /all", "FROM small", "RUN exit 1"),
			"Dockerfile.arm.dockerignore": "secret\n",
			"secret":                      "x",
		})
		repo := s.repo()
		s.mustBuild("--platform", three, "--push", "-t", repo,
			"-f", "linux/amd64:"+dir+"/Dockerfile-amd64", "-f", "linux/arm/v7:"+dir+"/Dockerfile.arm", "-f", "linux/aarch64:"+dir+"/Dockerfile.arm",
			"--target", "linux/arm/v7:small", "--target", "linux/arm64:small", "--build-arg", "WHO=all", "--build-arg", "linux/arm64/v8:WHO=mine", dir)
		s.equal("the platforms", strings.Join(s.remote(repo, "latest").platforms(), ","), "linux/amd64,linux/arm/v7,linux/arm64")
		s.equal("the file of amd64", s.fileOf(repo, "latest", "linux/amd64", "who"), "intel all")
		s.equal("the file of arm64", s.fileOf(repo, "latest", "linux/arm64", "who"), "arm mine aarch64")
		s.contains("the file of arm", s.fileOf(repo, "latest", "linux/arm/v7", "who"), "arm all arm")
		for platform, want := range map[string]bool{"linux/amd64": true, "linux/arm64": false} {
			if _, has := s.contents(s.image(repo, "latest", platform))["all/secret"]; has != want {
				s.Errorf("that %s has the ignored file is %v", platform, has)
			}
		}
	})
}

func TestSettingsOfStepsAreSeenInsideThem(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		s.mustBuild("--ulimit", "nofile=77:99", "--shm-size", "3m", "--cgroup-parent", "of-the-story", "--add-host", "engine.test:host-gateway",
			"--resource", "memory=64m", "-c", "512", "--push", "-t", repo, s.dockerfile("FROM $BASE",
				"RUN ulimit -n >/limits; df -k /dev/shm >/shm; cat /proc/self/cgroup >/cgroup; grep engine.test /etc/hosts >/hosts"))
		image := s.contents(s.image(repo, "latest", ""))
		s.equal("the open files", strings.TrimSpace(image["limits"]), "77")
		s.contains("the shared memory", image["shm"], "3072")
		s.contains("the cgroup", image["cgroup"], "/of-the-story/")
		gateway := s.mustDocker("run", "--rm", "--add-host", "engine.test:host-gateway", s.base, "grep", "engine.test", "/etc/hosts")
		s.equal("the engine's host", strings.Fields(image["hosts"])[0], strings.Fields(gateway)[0])
	})
}

func TestOnlyTheNamedStagesRunAgain(t *testing.T) {
	onEachEngine(t, func(s *story) {
		const random = "head -c 16 /dev/urandom | base64 >/made"
		dir := s.dockerfile("FROM $BASE AS kept", "RUN : kept; "+random, "FROM $BASE AS again", "RUN : again; "+random, "FROM scratch",
			"COPY --from=kept /made /kept", "COPY --from=again /made /again")
		build := func(flags ...string) files {
			repo := s.repo()
			s.mustBuild(append(flags, "--push", "-t", repo, dir)...)
			return s.contents(s.image(repo, "latest", ""))
		}
		first, second := build(), build("--no-cache-filter", "again")
		if first["kept"] != second["kept"] || first["again"] == second["again"] {
			s.Errorf("first %v, then %v", first, second)
		}
	})
}

func TestPrivilegesAreRefusedWithAHintAndGranted(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir := s.dockerfile("FROM $BASE", "RUN --security=insecure grep CapEff /proc/self/status >/caps")
		r := s.build("--push", "-t", s.repo(), dir)
		s.equal("the status without --allow", r.code, 1)
		s.contains("the error", r.err, "security.insecure is not allowed", "add --allow security.insecure")
		r = s.build("--allow", "security.insecure", "--push", "-t", s.repo(), dir)
		s.equal("the status in a builder that forbids it", r.code, 1)
		s.contains("the error", r.err, "not allowed by build daemon configuration", "builder create", "--allow-insecure-entitlement security.insecure")
		s.ownBuilder()
		s.mustDocker("multiarch", "builder", "create", "--name", s.builder, "--buildkitd-flags", "--allow-insecure-entitlement security.insecure")
		repo := s.repo()
		s.mustBuild("--allow", "security.insecure", "--push", "-t", repo, dir)
		s.contains("the step's capabilities", s.fileOf(repo, "latest", "", "caps"), "CapEff:")
	})
}

func TestABaseThatOnlyTheEngineHasIsSaidAndUsed(t *testing.T) {
	onEachEngine(t, func(s *story) {
		platforms, first := "linux/amd64", "linux/amd64"
		if s.containerdStore() {
			platforms = twoPlatforms
		}
		base := s.engineName()
		s.mustBuild("--platform", platforms, "--load", "-t", base, s.dockerfile("FROM $BASE", "RUN echo local >/where"))
		dir := s.dockerfile("FROM "+base, "RUN cat /where >/copied")

		r := s.build("--platform", first, "--push", "-t", s.repo(), dir)
		s.equal("the status", r.code, 1)
		s.contains("the error", r.err, "the engine has "+base+" in its image store, for linux/amd64", "--local-base "+base)

		repo := s.repo()
		s.mustBuild("--platform", platforms, "--local-base", base, "--push", "-t", repo, dir)
		for platform := range strings.SplitSeq(platforms, ",") {
			s.equal("the file of "+platform, s.fileOf(repo, "latest", platform, "copied"), "local")
		}
		s.refused(s.build("--platform", platforms+",linux/s390x", "--local-base", base, "--push", "-t", s.repo(), dir), 125, "not for linux/s390x")
		s.equal("what is left in the temporary folder", len(s.entries(s.tmp)), 0)
	})
}

// entries returns the names in a folder.
func (s *story) entries(dir string) (names []string) {
	s.Helper()
	list, err := os.ReadDir(dir)
	s.check(err)
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestADockerfileComesFromItsURLAndItsWarningsAreSaidOnce(t *testing.T) {
	onEachEngine(t, func(s *story) {
		asked := 0
		host := s.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked++
			_, _ = io.WriteString(w, s.onBase("FROM $BASE as first", "COPY file /"))
		}))
		repo := s.repo()
		r := s.mustBuild("--platform", three, "-f", "http://"+host+"/Dockerfile", "--push", "-t", repo, s.folder(files{"file": "x"}))
		s.equal("how often it was downloaded", asked, 1)
		s.equal("the file", s.fileOf(repo, "latest", "linux/arm64", "file"), "x")
		s.equal("how often it is warned", strings.Count(r.err, "(FromAsCasing)"), 1)
		s.contains("the progress", r.err, "1 warning found (use --debug to expand)")
	})
}

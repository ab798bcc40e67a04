//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

const binfmt = "/proc/sys/fs/binfmt_misc"

// handlers returns those in the kernel that run programs for arm64 and arm.
func handlers() []string {
	var found []string
	entries, _ := filepath.Glob(binfmt + "/*")
	for _, entry := range entries {
		text, err := os.ReadFile(entry)
		if err == nil && (strings.Contains(string(text), "qemu-aarch64") || strings.Contains(string(text), "qemu-arm")) {
			found = append(found, entry)
		}
	}
	return found
}

// withoutHandlers removes the handlers for arm64 and arm for the time of the story. Afterwards a build that needs them has to
// restore them; both engines share this kernel.
func (s *story) withoutHandlers() {
	s.Helper()
	if f, err := os.OpenFile(binfmt+"/register", os.O_WRONLY, 0); err != nil {
		testenv.SkipBecause(s.T, "the kernel's handlers cannot be changed from here: "+err.Error())
	} else {
		s.check(f.Close())
	}
	s.mustBuild("--push", "-t", s.repo(), s.folder(files{"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"})) // so that there is a builder
	for _, file := range handlers() {
		s.check(os.WriteFile(file, []byte("-1"), 0))
	}
	s.Cleanup(func() {
		if len(handlers()) < 2 {
			s.mustBuild("--platform", "linux/arm64,linux/arm/v7", "--push", "-t", s.repo(), s.dockerfile("FROM $BASE", "RUN uname -m"))
		}
	})
}

func TestABuildInstallsTheEmulatorsThatItNeeds(t *testing.T) {
	onEachEngineAlone(t, func(s *story) {
		s.withoutHandlers()
		repo := s.repo()
		s.mustBuild("--platform", "linux/amd64,linux/arm64,linux/arm/v7", "--push", "-t", repo, s.dockerfile("FROM $BASE", "RUN uname -m >/machine"))
		s.equal("the number of handlers afterwards", len(handlers()), 2)
		for platform, machine := range map[string]string{"linux/amd64": "x86_64", "linux/arm64": "aarch64", "linux/arm/v7": "armv7l"} {
			s.equal("the machine of "+platform, s.fileOf(repo, "latest", platform, "machine"), machine)
		}
	})
}

func TestABuildThatMayNotInstallEmulatorsFailsWithAHintAndSendsNothing(t *testing.T) {
	onEachEngineAlone(t, func(s *story) {
		s.emulatesArm()
		ran := s.dockerfile("FROM $BASE", "RUN uname -m")
		both := []string{"--emulators", "never", "--platform", "linux/amd64,linux/arm64", "--push", "-t", s.repo(), ran}
		s.mustBuild(both...)
		s.withoutHandlers()
		s.refused(s.build(both...), 1, "linux/arm64", "docker multiarch emulators install linux/arm64") // what ran once is not taken for granted
		repo := s.repo()
		dir := s.folder(files{"Dockerfile": s.onBase("FROM $BASE", "COPY big /", "RUN uname -m"), "big": noise(4 << 20)})
		host, sent := s.countingEngine()
		r := s.run(call{
			args: s.buildArgs("--emulators", "never", "--platform", "linux/amd64,linux/arm64", "--push", "-t", repo, dir),
			env:  []string{"DOCKER_HOST=" + host},
		})
		s.refused(r, 1, "linux/arm64", "docker multiarch emulators install linux/arm64")
		if sent() > 1<<20 {
			s.Errorf("%d bytes were sent", sent())
		}
		s.equal("whether the tag is there", s.exists(repo, "latest"), false)
		s.equal("the number of handlers", len(handlers()), 0)
	})
}

func TestImagesThatRunNothingOfTheirPlatformNeedNoEmulator(t *testing.T) {
	onEachEngineAlone(t, func(s *story) {
		s.withoutHandlers()
		for name, lines := range map[string][]string{
			"files only": {"FROM scratch", "COPY Dockerfile /out"},
			"cross-compiled": {
				"FROM --platform=$BUILDPLATFORM $BASE AS compiler", "ARG TARGETARCH", "RUN echo for $TARGETARCH on $(uname -m) >/out",
				"FROM $BASE", "COPY --from=compiler /out /",
			},
		} {
			repo := s.repo()
			r := s.mustBuild("--emulators", "never", "--platform", "linux/arm64,linux/amd64,linux/s390x", "--push", "-t", repo, s.dockerfile(lines...))
			s.contains(name+": the table", r.err, "linux/s390x", "cross")
			if name == "cross-compiled" {
				s.equal(name, s.fileOf(repo, "latest", "linux/arm64", "out"), "for arm64 on x86_64")
			}
		}
		s.equal("the number of handlers", len(handlers()), 0)
	})
}

func TestABuilderThatHasEmulatorsItselfNeedsNoneInTheKernel(t *testing.T) {
	onEachEngineAlone(t, func(s *story) {
		if s.docker("image", "inspect", "moby/buildkit:e2e-qemu").code != 0 {
			testenv.SkipBecause(s.T, "the engine has no image moby/buildkit:e2e-qemu")
		}
		s.withoutHandlers()
		s.ownBuilder()
		repo := s.repo()
		r := s.mustBuild("--builder-image", "moby/buildkit:e2e-qemu", "--platform", "linux/arm64", "--push", "-t", repo,
			s.dockerfile("FROM $BASE", "RUN uname -m >/machine"))
		s.contains("the table", r.err, "emulated (builder)")
		s.equal("the machine", s.fileOf(repo, "latest", "linux/arm64", "machine"), "aarch64")
		s.equal("the number of handlers", len(handlers()), 0)
		s.builder = sharedBuilder // restores the handlers
	})
}

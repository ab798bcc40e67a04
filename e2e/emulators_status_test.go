//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

func TestTheStatusDescribesABrokenHandler(t *testing.T) {
	onEachEngineAlone(t, func(s *story) {
		s.ownKernel()
		for _, tt := range []struct {
			name    string
			prepare func()
			verdict string
			code    int
		}{
			{"nothing", func() {}, "none", 1},
			{"Debian's", func() { s.register("/usr/libexec/qemu-binfmt/s390x-binfmt-P", "OPF") }, "no C", 0},
			{"without F", func() { s.register(rareProgram, "OC") }, "no F", 1},
			{"a deleted interpreter", func() { s.register("/usr/bin/e2e-is-not-here", "OC") }, "dead interpreter", 1},
			{"an emulator that dies", func() { s.register(s.exits139(), "OCF") }, "broken", 1},
			{"disabled", func() {
				s.register(rareProgram, "OCF")
				s.check(os.WriteFile(filepath.Join(binfmt, rareHandler), []byte("0"), 0))
			}, "disabled", 1},
			{"a good one", func() { s.register(rareProgram, "POCF") }, "ok", 0},
		} {
			if _, there := s.kernelHandlers()[rareHandler]; there {
				s.unregister(rareHandler)
			}
			tt.prepare()
			st, code := s.statusOf(rare)
			s.equal(tt.name+": the verdict", st.Platforms[0].Verdict, tt.verdict)
			s.equal(tt.name+": the status of the command", code, tt.code)
			if tt.verdict == "broken" {
				s.contains("the reason", st.Platforms[0].Reason, "139")
			}
			if tt.verdict == "no C" {
				s.contains("who registered it", st.Platforms[0].Handlers[0].RegisteredBy, "/usr/lib/binfmt.d/")
			}
			if tt.verdict == "ok" && st.Platforms[0].QEMU == "" {
				s.Error("the version of QEMU is not known")
			}
		}
	})
}

func TestABrokenHandlerIsReplacedOnlyByForce(t *testing.T) {
	onEachEngineAlone(t, func(s *story) {
		s.ownKernel()
		s.register(rareProgram, "OC")
		before := s.kernelHandlers()
		r := s.emulators("install", "--source", "host", rare)
		s.equal("the status without force", r.code, 1)
		s.contains("what it says", r.err, rareHandler, "lacks flag F", "docker multiarch emulators install --force "+rare)
		s.equal("the handlers", s.kernelHandlers(), before)
		r = s.emulators("install", "--source", "host", "--force", rare)
		s.equal("the status with force", r.code, 0)
		s.contains("the flags, old and new", r.out, "OC", "POCF", "replaced")
		for name, text := range before {
			if name != rareHandler {
				s.equal("handler "+name, s.kernelHandlers()[name], text)
			}
		}
	})
}

func TestAnInstallerThatDoesNothingIsNotBelieved(t *testing.T) {
	onEachEngineAlone(t, func(s *story) {
		s.ownKernel()
		tag := "e2e-lazy-" + random()
		s.Cleanup(func() { s.docker("image", "rm", "-f", tag) })
		s.mustRun(call{args: []string{"build", "-q", "-t", tag, s.dockerfile("FROM $BASE", `ENTRYPOINT ["/bin/true"]`)}, env: []string{"DOCKER_BUILDKIT=0"}})
		r := s.emulators("install", "--image", tag, rare)
		s.equal("the status", r.code, 1)
		s.contains("the answer", r.out, rare, "FAILED")
		s.contains("the error", r.err, "cannot run "+rare, tag)
	})
}

func TestAllEmulatorsAreInstalledTriedAndRemovedAndTheRestIsAsBefore(t *testing.T) {
	onEachEngineAlone(t, func(s *story) {
		s.ownKernel()
		s.check(os.WriteFile(binfmt+"/register", []byte(`:e2e-python:M::\x55\x0d\x0d\x0a::/usr/bin/python3:`), 0)) // ownKernel removes it
		s.equal("the status of uninstall", s.emulators("uninstall", "all").code, 0)
		bare := s.kernelHandlers()
		s.equal("QEMU's handlers", qemus(bare), []string{})
		r := s.emulators("install", "--source", "host")
		s.equal("the status of install", r.code, 0)
		st, _ := s.statusOf("all")
		for _, p := range st.Platforms {
			if p.Verdict != "ok" || p.Runs == "none" {
				s.Errorf("%s: %s, %s %s", p.Platform, p.Runs, p.Verdict, p.Reason)
			}
		}
		again := s.kernelHandlers()
		s.equal("the status of a second install", s.emulators("install", "--source", "host").code, 0)
		s.equal("the handlers after it", s.kernelHandlers(), again)
		s.equal("the status of uninstall", s.emulators("uninstall", "all").code, 0)
		s.equal("the handlers at the end", s.kernelHandlers(), bare)
	})
}

func TestTheFirstBuildAfterAnInstallWorksInABuilderThatRanBefore(t *testing.T) {
	onEachEngineAlone(t, func(s *story) {
		s.ownKernel()
		s.mustBuild("--push", "-t", s.repo(), s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		for range 2 { // the second time the handlers have gone between two builds, as after a restart
			s.equal("the status of install", s.emulators("install", "--source", "host", rare).code, 0)
			repo := s.repo()
			r := s.mustBuild("--emulators", "never", "--no-cache", "--platform", rare, "--push", "-t", repo, s.dockerfile("FROM $BASE", "RUN uname -m >/machine"))
			s.contains("the table", r.err, rare, "emulated (qemu ")
			s.equal("the machine", s.fileOf(repo, "latest", rare, "machine"), "s390x")
			s.equal("the status of uninstall", s.emulators("uninstall", rare).code, 0)
		}
	})
}

func TestTheStatusKnowsABuildersOwnEmulators(t *testing.T) {
	onEachEngineAlone(t, func(s *story) {
		if s.docker("image", "inspect", "moby/buildkit:e2e-qemu").code != 0 {
			testenv.SkipBecause(s.T, "the engine has no image moby/buildkit:e2e-qemu")
		}
		s.ownKernel()
		s.withoutHandlers()
		shared := s.builder
		s.ownBuilder()
		s.mustBuild("--builder-image", "moby/buildkit:e2e-qemu", "--push", "-t", s.repo(), s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		st, code := s.statusOf("linux/arm64", "--builder", s.builder)
		s.equal("how it runs", st.Platforms[0].Runs, "emulated (builder)")
		s.equal("the verdict", st.Platforms[0].Verdict, "builder only")
		s.contains("the emulator", st.Platforms[0].BuilderEmulator, "buildkit-qemu-aarch64")
		s.equal("the status, since the kernel does not run it", code, 1)
		s.builder = shared // puts the handlers back
	})
}

func TestAnEmulatorThatCrashesIsExplained(t *testing.T) {
	onEachEngine(t, func(s *story) {
		r := s.build("--no-cache", "--platform", "linux/arm64", "--push", "-t", s.repo(), s.dockerfile("FROM $BASE", `RUN sh -c 'kill -11 $$; true'; exit $?`))
		s.equal("the status", r.code, 1)
		s.contains("the hint", r.err, "Hint: for linux/arm64, the emulator (qemu ", "not your program's fault")
	})
}

func TestEmulatorsRefuseBadWordsAtOnce(t *testing.T) {
	onEachEngine(t, func(s *story) {
		for word, says := range map[string]string{
			"amr64": "did you mean", "linux/arm64/v9": "variant v9", "windows/amd64": "only programs for linux", "linux/ppc64": "there is no emulator",
		} {
			r := s.emulators("install", word)
			s.equal(word+": the status", r.code, 125)
			s.contains(word, r.err, says)
			if r.took > 2*time.Second {
				s.Errorf("%s took %s", word, r.took)
			}
		}
		r := s.run(call{args: []string{"multiarch", "emulators", "status"}, env: []string{"DOCKER_HOST=unix:///nowhere.sock"}})
		s.equal("the status without an engine", r.code, 1)
		s.contains("what it says", r.err, "/nowhere.sock")
	})
}

func TestPrintShowsTheRegistrationAndChangesNothing(t *testing.T) {
	onEachEngineAlone(t, func(s *story) {
		s.ownKernel()
		before := s.kernelHandlers()
		r := s.emulators("install", "--print", "--source", "host", rare)
		s.equal("the status", r.code, 0)
		s.contains("the line", r.out, ":"+rareHandler+":M::", rareProgram+":FCP")
		s.equal("the handlers", s.kernelHandlers(), before)
	})
}

func TestDoctorFindsNothingBrokenHereAndAnEngineThatIsDown(t *testing.T) {
	onEachEngine(t, func(s *story) {
		r := s.docker("multiarch", "doctor", "--format", "json")
		s.equal("the status", r.code, 0)
		s.contains("the page", r.out, `"engine"`, `"kernel"`, `"emulators"`, `"disk"`, `"credentials"`)
		s.write(filepath.Join(s.home, ".docker", "config.json"), `{"credsStore":"e2e-none"}`)
		r = s.docker("multiarch", "doctor")
		s.equal("the status with a helper that is not there", r.code, 1)
		s.contains("the page", r.out, "broken", "docker-credential-e2e-none")
		r = s.run(call{args: []string{"multiarch", "doctor"}, env: []string{"DOCKER_HOST=unix:///nowhere.sock"}})
		s.equal("the status without an engine", r.code, 1)
		s.contains("the page", r.out, "broken", "engine", "/nowhere.sock")
	})
}

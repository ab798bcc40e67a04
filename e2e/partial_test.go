//go:build e2e

package e2e

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// missingFileOnOne is a context for three platforms, of which linux/arm/v7 lacks the file that it copies.
func (s *story) missingFileOnOne(lines ...string) string {
	return s.folder(files{
		"Dockerfile": s.onBase(append(lines, "ARG TARGETARCH", "COPY bin-$TARGETARCH /app")...),
		"bin-amd64":  "amd64 " + random(), "bin-arm64": "arm64 " + random(),
	})
}

// two are the other platforms.
var two = strings.Split(twoPlatforms, ",")

// allowed returns the words of a build that may leave out linux/arm/v7.
func allowed(more ...string) []string {
	return append([]string{"--platform", three, "--allow-partial", "linux/arm/v7"}, more...)
}

func TestAPlatformThatMayBeMissingIsLeftOutOfAllThatIsMade(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo, name := s.repo(), s.engineName()
		dir := s.missingFileOnOne("FROM scratch")
		r := s.build(allowed("--push", "-t", repo+":v1", "--metadata-file", "meta.json", "--iidfile", "iid",
			"-o", "type=oci,dest=x.tar", "-o", "type=tar,dest=files.tar", "-o", "out", dir)...)
		s.equal("the status", r.code, 3)
		s.contains("standard error", r.err, "Published without linux/arm/v7: ", "bin-arm\": not found")
		index := s.remote(repo, "v1")
		s.equal("the platforms of the index", index.platforms(), two)
		_, body := s.get(repo, "manifests/v1")
		s.contains("the index", string(body), `"com.docker-multiarch.missing-platforms": "linux/arm/v7"`)
		s.equal("--iidfile", s.read("iid"), index.digest)
		s.equal("the archive", digestOf(s.skopeo("inspect", "--raw", "oci-archive:"+filepath.Join(s.dir, "x.tar")+":v1")), index.digest)
		s.equal("the folder", s.entries(filepath.Join(s.dir, "out")), []string{"linux_amd64", "linux_arm64"})
		s.equal("the archive of files", strings.Contains(s.read("files.tar"), "linux_arm_v7"), false)
		var meta struct {
			Multiarch struct {
				Missing   []struct{ Platform, Error string }
				Platforms []struct{ Platform, Manifest, Error string }
			}
		}
		s.check(json.Unmarshal([]byte(s.read("meta.json")), &meta))
		if m := meta.Multiarch; len(m.Missing) != 1 || m.Missing[0].Platform != "linux/arm/v7" || m.Missing[0].Error == "" || len(m.Platforms) != 3 {
			s.Errorf("the metadata is %+v", m)
		}
		for _, platform := range two {
			s.contains("the image of "+platform, s.fileOf(repo, "v1", platform, "app"), strings.TrimPrefix(platform, "linux/"))
		}

		s.equal("the status of --load", s.build(allowed("--load", "-t", name, dir)...).code, 3)
		for _, platform := range two {
			s.mustDocker(append([]string{"image", "inspect"}, s.loadedName(name, platform)...)...)
		}
	})
}

func TestAPlatformMayBeMissingInEveryKindOfResult(t *testing.T) {
	onEachEngine(t, func(s *story) {
		for name, flags := range map[string][]string{
			"attestations":       {"--provenance=mode=min", "--jobs", "1"},
			"Docker media types": {"--media-types", "docker"},
			"annotations":        {"--annotation", "index:org.example=yes"},
			"by digest":          {"--digest-only"},
			"a cache":            {"--cache-to", "type=local,dest=" + filepath.Join(s.dir, "cache"), "--no-cache"},
		} {
			repo := s.repo()
			r := s.build(append(allowed("-q", "--push", "-t", repo, s.missingFileOnOne("FROM $BASE", "RUN uname -m >/machine")), flags...)...)
			s.equal(name+": the status", r.code, 3)
			_, digest, ok := strings.Cut(strings.TrimSpace(r.out), "@")
			if !ok {
				s.Fatalf("%s: %q %s", name, r.out, r.err)
			}
			var images []string
			for _, platform := range s.remote(repo, digest).platforms() {
				if platform != "unknown/unknown" {
					images = append(images, platform)
				}
			}
			s.equal(name+": the platforms", images, two)
			s.contains(name+": standard error", r.err, "Published without linux/arm/v7")
		}
	})
}

func TestAnOptionalPlatformMayBeMissingBecauseOfItsFinishedImage(t *testing.T) {
	onEachEngine(t, func(s *story) {
		foreign := s.folder(files{"crash": crashing(), "Dockerfile": "FROM scratch\nCOPY --chmod=755 crash /crash\nENTRYPOINT [\"/crash\"]\n"})
		tested := s.dockerfile("FROM $BASE", "COPY Dockerfile /"+random())
		for name, tt := range map[string]struct {
			dir, missing, has, why string
			flags                  []string
		}{
			"its executables are refused": {foreign, "linux/amd64", "linux/arm64", `"/crash"`, nil},
			"its test fails":              {tested, "linux/arm64", "linux/amd64", "exit status 1", []string{"--test", "linux/arm64:false", "--test", "linux/amd64:true"}},
		} {
			repo, engine := s.repo(), s.engineName()
			flags := append([]string{"--platform", twoPlatforms, "--allow-partial", tt.missing, "--retry", "3"}, tt.flags...)
			r := s.build(append(flags, "--push", "-t", repo, "-o", "type=tar,dest=-", tt.dir)...)
			s.equal(name+": the status", r.code, 3)
			s.contains(name+": standard error", r.err, "Published without "+tt.missing+": ", tt.why)
			s.lacks(name+": standard error", r.err, "trying again")
			s.equal(name+": the platforms", s.remote(repo, "latest").platforms(), []string{tt.has})
			s.lacks(name+": standard output", r.out, strings.ReplaceAll(tt.missing, "/", "_"))
			s.contains(name+": standard output", r.out, strings.ReplaceAll(tt.has, "/", "_"))
			s.equal(name+": the status of --load", s.build(append(flags, "--load", "-t", engine, tt.dir)...).code, 3)
			s.equal(name+": what fails otherwise", s.build(append(flags[:2:2], append(tt.flags, "--push", "-t", s.repo(), tt.dir)...)...).code, 1)
		}
	})
}

func TestAPlatformThatTheBaseImageLacksMayBeMissing(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo, dir := s.repo(), s.dockerfile("FROM $BASE", "RUN echo "+random())
		flags := []string{"--platform", "linux/amd64,linux/mips64", "--jobs", "1", "--retry", "3", "--push", "-t", repo, dir}
		r := s.build(append(flags, "--allow-partial", "linux/mips64", "--fail-fast")...)
		s.equal("the status", r.code, 3)
		s.contains("standard error", r.err, "Published without linux/mips64: ", "no match for platform")
		s.lacks("standard error", r.err, "trying again")
		s.equal("the platforms", s.remote(repo, "latest").platforms(), []string{"linux/amd64"})
		s.equal("the status without --allow-partial", s.build(flags...).code, 1)
	})
}

func TestTheSecondBuildReusesFinishedStepsOfTheFirst(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		dir := s.missingFileOnOne("FROM $BASE", "RUN cat /proc/sys/kernel/random/uuid >/made")
		flags := []string{"--platform", three, "--push", "-t", repo, dir}
		s.equal("the status of the first", s.build(append(flags, "--allow-partial", "linux/arm/v7")...).code, 3)
		before := map[string]string{}
		for _, platform := range two {
			before[platform] = s.fileOf(repo, "latest", platform, "made")
		}
		s.equal("the status without --allow-partial", s.build(flags...).code, 1)
		s.write(filepath.Join(dir, "bin-arm"), "arm "+random())
		r := s.mustBuild(flags...)
		s.equal("the platforms", s.remote(repo, "latest").platforms(), []string{"linux/amd64", "linux/arm/v7", "linux/arm64"})
		for _, platform := range two {
			s.equal("what "+platform+" has made", s.fileOf(repo, "latest", platform, "made"), before[platform])
			s.contains("the progress", cachedSteps(r.err), platform+" RUN cat", platform+" COPY bin-")
		}
	})
}

// cachedSteps returns the steps that a plain progress shows as cached, one "PLATFORM COMMAND" per line.
func cachedSteps(progress string) string {
	var cached []string
	names := map[string]string{}
	for line := range strings.Lines(progress) {
		lane, text, ok := strings.Cut(line, " | ")
		number, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
		lane = strings.TrimSpace(lane)
		switch {
		case !ok:
		case strings.HasPrefix(rest, "["):
			_, names[lane+number], _ = strings.Cut(rest, "] ")
		case rest == "CACHED":
			cached = append(cached, lane+" "+names[lane+number])
		}
	}
	return strings.Join(cached, "\n")
}

func TestTheFirstFailureStopsTheOtherPlatforms(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		r := s.build("--platform", three, "--fail-fast", "--push", "-t", repo,
			s.dockerfile("FROM $BASE", "RUN echo "+random(), "RUN [ $(uname -m) != armv7l ] || exit 7; exec sleep 100"))
		s.equal("the status", r.code, 1)
		if r.took > 60*time.Second {
			s.Errorf("it took %s", r.took)
		}
		s.contains("standard error", r.err, "not built: linux/arm/v7 failed", "No tag was moved.", "ERROR: linux/arm/v7: ", "exit code: 7")
		s.lacks("the error", r.err[strings.LastIndex(r.err, "ERROR: "):], "linux/arm64", "linux/amd64")
		s.equal("the tag is there", s.exists(repo, "latest"), false)
	})
}

func TestATestThatIsStoppedByAnotherPlatformsFailureHasNotFailed(t *testing.T) {
	onEachEngine(t, func(s *story) {
		r := s.build("--platform", twoPlatforms, "--fail-fast", "--test", "linux/arm64:sh -c 'exit 5'", "--test", "linux/amd64:sleep 50",
			s.dockerfile("FROM $BASE", "ENV A="+random()))
		s.equal("the status", r.code, 1)
		s.contains("standard error", r.err, "not built: linux/arm64 failed", "exit status 5")
		s.equal("the failed tests in the table", strings.Count(r.err, "1 of 1 failed"), 1)
	})
}

// crashing returns a static program for linux/arm64 that reads from the address 0: mov x0, #0; ldr x0, [x0].
func crashing() string {
	const base, headers = 0x400000, 64 + 56
	code := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, 0xd2800000), 0xf9400000)
	le := binary.LittleEndian
	b := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 9)...)
	for _, v := range []uint16{2, 183} { // an executable for AArch64
		b = le.AppendUint16(b, v)
	}
	b = le.AppendUint32(b, 1)
	for _, v := range []uint64{base + headers, 64, 0} { // its entry, its program headers, no sections
		b = le.AppendUint64(b, v)
	}
	b = le.AppendUint32(b, 0)
	for _, v := range []uint16{64, 56, 1, 0, 0, 0} {
		b = le.AppendUint16(b, v)
	}
	b = le.AppendUint32(le.AppendUint32(b, 1), 5) // to be loaded, read and executed
	for _, v := range []uint64{0, base, base, headers + 8, headers + 8, 0x1000} {
		b = le.AppendUint64(b, v)
	}
	return string(append(b, code...))
}

// failsOnce is a context with a step that fails the first time, with these words, on machines of this name.
func (s *story) failsOnce(machine, fails string) string {
	dir := s.folder(files{"crash": crashing(), "Dockerfile": s.onBase("FROM $BASE", "COPY crash /", "RUN echo "+random()+" >/made",
		"RUN --mount=type=cache,id="+random()+",sharing=locked,target=/state if [ $(uname -m) = "+machine+" ] && [ ! -e /state/once ]; then "+
			"touch /state/once; "+fails+" || exit $?; fi; echo fine >/fine")})
	s.check(os.Chmod(filepath.Join(dir, "crash"), 0o755))
	return dir
}

func TestAnEmulatorsCrashIsTriedAgainUnasked(t *testing.T) {
	onEachEngine(t, func(s *story) {
		for name, flags := range map[string][]string{
			"alone":              {},
			"with a cache":       {"--cache-to", "type=local,mode=max,dest=" + filepath.Join(s.dir, "cache")},
			"attested, in turns": {"--provenance=mode=min", "--jobs", "1"},
			"with files":         {"-o", "type=tar,dest=files.tar", "-o", "out"},
		} {
			repo := s.repo()
			r := s.mustBuild(append(flags, "--platform", twoPlatforms, "--push", "-t", repo, "--metadata-file", "meta.json", "--verify=off",
				s.failsOnce("aarch64", "/crash"))...)
			s.contains(name+": standard error", r.err, "linux/arm64: the emulator crashed; trying again (1 of 1): ", ", tried twice, ")
			s.lacks(name+": standard error", r.err, "linux/arm64   failed", " failed after ")
			s.contains(name+": the metadata", s.read("meta.json"), `"retries": 1`)
			for _, platform := range two {
				s.equal(name+": the step of "+platform, s.fileOf(repo, "latest", platform, "fine"), "fine")
			}
		}
	})
}

func TestACacheIsWholeAfterAnotherTry(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir, cache := s.failsOnce("aarch64", "/crash"), filepath.Join(s.dir, "cache")
		r := s.mustBuild("--platform", twoPlatforms, "--cache-to", "type=local,mode=max,dest="+cache, "--push", "-t", s.repo(), "--verify=off", dir)
		s.contains("standard error", r.err, "trying again (1 of 1)")
		s.ownBuilder()
		r = s.mustBuild("--platform", twoPlatforms, "--cache-from", "type=local,src="+cache, "--push", "-t", s.repo(), "--verify=off", dir)
		for _, platform := range two {
			s.contains("what the cache had", cachedSteps(r.err), platform+" COPY crash", platform+" RUN echo")
		}
		// BuildKit does not always export a key of the retried step: about one time in twenty it runs again.
		s.contains("what the cache had", cachedSteps(r.err), "linux/amd64 RUN --mount")
	})
}

func TestAPlatformThatFailedIsBuiltAgainIfThatIsAskedFor(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		s.equal("the status without --retry", s.build("--platform", twoPlatforms, "--push", "-t", repo, s.failsOnce("x86_64", "false")).code, 1)
		r := s.mustBuild("--platform", twoPlatforms, "--retry", "2", "--push", "-t", repo, s.failsOnce("x86_64", "false"))
		s.contains("standard error", r.err, "linux/amd64: it failed; trying again (1 of 2): ", "native, tried twice, ")
		s.contains("the steps that were not run again", cachedSteps(r.err[strings.Index(r.err, "trying again"):]), "linux/amd64 RUN echo")

		began := time.Now()
		s.refused(s.build("--platform", twoPlatforms, "--retry", "5", "--push", "-t", repo, s.dockerfile("FROM $BASE", "COPY nothing /")), 1, "not found")
		if took := time.Since(began); took > soon {
			s.Errorf("a file that is not there was looked for over %s", took)
		}
	})
}

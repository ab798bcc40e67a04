//go:build e2e

package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestAPlatformWhoseMovedStepsGoWrongIsBuiltAgainUnderEmulation(t *testing.T) {
	onEachEngine(t, func(s *story) {
		for how, words := range map[string]string{"fails": "go build", "wrong": "/out/app"} {
			repo := s.repo()
			r := s.mustBuild("--platform", "linux/arm64,linux/arm/v7", "--metadata-file", "meta", "--push", "-t", repo, s.compiled(how, ""))
			for platform, machine := range map[string]string{"linux/arm64": "aarch64", "linux/arm/v7": "armv7l"} {
				said := lineWith(r.err, platform+": ", "this platform is built again under emulation")
				s.equal("the lines about "+platform, strings.Count(said, "\n"), 1)
				s.contains("the line about "+platform, said, words)
				s.equal("where "+platform+" was compiled", s.fileOf(repo, "latest", platform, "machine"), machine)
			}
			s.contains("the metadata", s.read("meta"), `"back": "`)
			run := s.docker("multiarch", "run", "--platform", "all", repo)
			s.equal("what the images print", strings.Count(run.err, "| ok\n"), 2)
		}
	})
}

// lineWith returns the lines of a text that begin with one part and contain the other.
func lineWith(text, begin, part string) (lines string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, begin) && strings.Contains(line, part) {
			lines += line
		}
	}
	return lines
}

func TestEqualRelocatedStepsRunOnceAndAreCached(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir, caches, local := s.compiled("works", ""), s.repo(), filepath.Join(s.dir, "cache")
		s.ownBuilder()
		chances := func(flags ...string) (string, string) {
			repo := s.repo()
			r := s.mustBuild(append(flags, "--platform", three, "--progress", "plain", "--push", "-t", repo, dir)...)
			chance := s.fileOf(repo, "latest", "linux/amd64", "chance")
			for _, platform := range []string{"linux/arm64", "linux/arm/v7"} {
				s.equal("what was downloaded for "+platform, s.fileOf(repo, "latest", platform, "chance"), chance)
				s.equal("where "+platform+" was compiled", s.fileOf(repo, "latest", platform, "machine"), "x86_64")
			}
			return chance, r.err
		}
		first, _ := chances("--cache-to", "type=registry,mode=max,ref="+caches, "--cache-to", "type=local,mode=max,dest="+local)
		again, progress := chances()
		s.equal("what the second build downloaded", again, first)
		s.equal("cached steps that compile", strings.Count(cachedSteps(progress), "RUN  CGO_ENABLED=0 go build"), 3)
		for _, from := range []string{caches, "type=local,src=" + local} {
			s.ownBuilder()
			fresh, _ := chances("--cache-from", from)
			s.equal("what a fresh builder downloaded with "+from, fresh, first)
		}
	})
}

func TestMovedStepsHaveTheCacheMountsOfTheBuildersPlatform(t *testing.T) {
	onEachEngine(t, func(s *story) {
		for _, mounts := range []string{"auto", "isolated"} {
			dir, repo := s.compiled("works", "--mount=type=cache,id="+random()+",target=/root/.cache/go-build"), s.repo()
			build := func(platform string, flags ...string) string {
				s.mustBuild(append(flags, "--cache-mounts", mounts, "--platform", platform, "--push", "-t", repo, dir)...)
				return s.fileOf(repo, "latest", platform, "seen")
			}
			build("linux/amd64")
			s.equal(mounts+": what linux/arm64 saw", build("linux/arm64"), "amd64 on x86_64")
			s.equal(mounts+": what linux/arm/v7 saw when it was emulated", build("linux/arm/v7", "--cross=off"), "")
		}
	})
}

func TestNoEmulatorIsNeededWhereAllStepsAreMoved(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir, repo := s.compiled("works", ""), s.repo()
		words := []string{"--emulators", "never", "--platform", "linux/mips64le", "--push", "-t", repo, dir}
		s.refused(s.build(append(words, "--cross=off")...), 1, "cannot run programs for linux/mips64le")
		r := s.mustBuild(words...)
		s.contains("the table", r.err, "cross (go)")
		s.equal("where it was compiled", s.fileOf(repo, "latest", "linux/mips64le", "machine"), "x86_64")
	})
}

func TestABuildWithAttestationsIsMovedOnlyIfARecipeIsNamed(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir, repo := s.compiled("works", ""), s.repo()
		words := []string{"--platform", "linux/arm64", "--provenance=mode=max", "--push", "-t", repo, dir}
		r := s.mustBuild(words...)
		s.contains("the progress", r.err, "has attestations", "--cross=go")
		s.equal("where it was compiled", s.fileOf(repo, "latest", "linux/arm64", "machine"), "aarch64")
		s.mustBuild(append(words, "--cross=go")...)
		s.equal("where it was compiled with --cross=go", s.fileOf(repo, "latest", "linux/arm64", "machine"), "x86_64")
		s.equal("the entries", s.remote(repo, "latest").platforms(), []string{"linux/arm64", "unknown/unknown"})
	})
}

func TestOtherRecipesAreUsedByNameAndTheirPremiseIsChecked(t *testing.T) {
	onEachEngine(t, func(s *story) {
		image := s.fakeTools("works")
		context := func(command string, more files) string {
			all := files{"source": random(), "Dockerfile": "FROM " + image + " AS assets\nWORKDIR /app\nCOPY . .\nRUN " + command +
				"\nFROM scratch\nCOPY --from=assets /app/dist /\n"}
			for name, text := range more {
				all[name] = text
			}
			return s.folder(all)
		}
		for name, command := range map[string]string{"node": "npm ci && npm run build", "java": "javac -d dist Main.java", "hugo": "hugo --destination dist"} {
			dir, repo := context(command, nil), s.repo()
			for _, tt := range [][2]string{{"auto", "aarch64"}, {name, "x86_64"}, {"auto," + name + ":assets", "x86_64"}} {
				s.mustBuild("--cross", tt[0], "--platform", "linux/arm64", "--push", "-t", repo, dir)
				s.equal("where --cross="+tt[0]+" runs "+command, s.fileOf(repo, "latest", "linux/arm64", "machine"), tt[1])
			}
			native := context(command, files{"native": ""})
			r := s.mustBuild("--cross", name, "--platform", "linux/arm64", "--push", "-t", repo, native)
			s.contains("the line", lineWith(r.err, "linux/arm64: ", "built again under emulation"), "/app/dist/addon", "recipe "+name)
			s.equal("where it runs in the end", s.fileOf(repo, "latest", "linux/arm64", "machine"), "aarch64")
		}
		dir := context("npm run build", nil)
		s.refused(s.build("--cross", "nodejs", "--platform", "linux/arm64", "--push", "-t", s.repo(), dir), 125, `"nodejs"`, "go, node, java, hugo")
		s.refused(s.build("--cross", "node:asset", "--platform", "linux/arm64", "--push", "-t", s.repo(), dir), 1, `"asset"`)
	})
}

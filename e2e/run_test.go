//go:build e2e

package e2e

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// said returns the lines of each platform in the output of docker multiarch run.
func said(text string) map[string][]string {
	lines := map[string][]string{}
	for line := range strings.Lines(text) {
		if platform, rest, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "| "); ok {
			platform = strings.TrimSpace(platform)
			lines[platform] = append(lines[platform], rest)
		}
	}
	return lines
}

func TestAnImageIsRunForAllItsPlatformsAtOnce(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo, mark := s.repo(), random()
		s.mustBuild("--platform", three, "--push", "-t", repo+":v1", s.tellsMachine())
		r := s.docker("multiarch", "run", "--platform", "all", repo+":v1", "sh", "-c", "uname -m; echo aside >&2; printf end", mark)
		s.equal("the status", r.code, 0)
		for platform, machine := range unameOf {
			s.equal(platform, said(r.out)[platform], []string{machine, "end"})
			s.equal(platform+" aside", said(r.err)[platform], []string{"aside"})
			s.contains("the table", r.err, platform)
		}
		s.nothingLeft(mark, s.childrenOf(repo, "v1")...)

		own := s.docker("multiarch", "run", repo+":v1")
		s.equal("the engine's own platform", own.out, "x86_64\n")
		s.equal("what is said aside", own.err, "pulling "+repo+":v1 for linux/amd64\n")
		s.equal("one of them", s.mustDocker("multiarch", "run", "--platform", "arm64", repo+":v1"), "aarch64")
		two := s.docker("multiarch", "run", "--platform", "linux/arm64,linux/amd64", repo+":v1")
		s.equal("two of them", len(said(two.out)), 2)
		s.nothingLeft(mark, s.childrenOf(repo, "v1")...)
	})
}

func TestImagesOfTheEngineAreRunUnchanged(t *testing.T) {
	onEachEngine(t, func(s *story) {
		name, dir := s.engineName(), s.tellsMachine()
		archive := filepath.Join(s.dir, "x.tar")
		s.mustBuild("--platform", three, "--load", "-t", name, "-o", "type=oci,dest="+archive, dir)
		for _, args := range [][]string{{name}, {"--pull", "never", name}, {archive}} {
			r := s.docker(append([]string{"multiarch", "run", "--platform", "all"}, args...)...)
			s.equal("the status of "+joined(args), r.code, 0)
			for platform, machine := range unameOf {
				s.equal(joined(args)+" for "+platform, said(r.out)[platform], []string{machine})
			}
		}
		s.equal("one platform", s.mustDocker("multiarch", "run", "--pull", "never", "--platform", "linux/arm64", name), "aarch64")
	})
}

func TestTheStatusOfARunIsTheHighest(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		s.mustBuild("--platform", twoPlatforms, "--push", "-t", repo+":v1", s.tellsMachine())
		run := func(args ...string) result { return s.docker(append([]string{"multiarch", "run"}, args...)...) }
		exits := []string{repo + ":v1", "sh", "-c", "test $(uname -m) = x86_64 && exit 5; exit 9"}
		s.equal("one platform", run(exits...).code, 5)
		s.equal("all", run(append([]string{"--platform", "all"}, exits...)...).code, 9)
		s.equal("a program that is not there", run(repo+":v1", "no-such-program").code, 127)
		s.equal("one that cannot be run", run(repo+":v1", "/etc").code, 126)
		s.equal("one that takes too long", run("--timeout", "1s", repo+":v1", "sleep", "3600").code, 124)
		s.equal("flags behind the image", run(repo+":v1", "echo", "--platform", "x").out, "--platform x\n")
		s.equal("an environment", run("-e", "A=b", "-w", "/tmp", "--entrypoint", "sh", repo+":v1", "-c", "echo $A $PWD").out, "b /tmp\n")
		for want, args := range map[string][]string{
			"not found":                  {s.repo() + ":none"},
			"has no image for linux/386": {"--platform", "linux/386", repo + ":v1"},
			"--pull never":               {"--pull", "never", repo + ":v1"},
			`--timeout: "soon"`:          {"--timeout", "soon", repo + ":v1"},
			`--pull "perhaps"`:           {"--pull", "perhaps", repo + ":v1"},
			"needs the name of an image": {},
			"cannot be combined":         {"--platform", "all", "--platform", "linux/386", repo + ":v1"},
		} {
			s.refused(run(args...), 125, want)
		}
	})
}

func TestCtrlCEndsARunWithStatus130AndLeavesNothing(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo, mark := s.repo(), random()
		s.mustBuild("--platform", twoPlatforms, "--push", "-t", repo+":v1", s.tellsMachine())
		run := s.start(call{args: []string{"multiarch", "run", "--platform", "all", repo + ":v1", "sh", "-c", "sleep 3600", mark}})
		s.eventually("it runs", func() bool {
			commands := s.mustDocker("ps", "--no-trunc", "--format", "{{.Command}}")
			return strings.Count(commands, mark) == 2 || !run.left()
		})
		run.signal(syscall.SIGINT)
		s.equal("the status", run.wait().code, 130)
		s.nothingLeft(mark, s.childrenOf(repo, "v1")...)
	})
}

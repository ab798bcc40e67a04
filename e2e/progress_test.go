//go:build e2e

package e2e

import (
	"regexp"
	"strings"
	"testing"
)

func TestEveryStepSaysItsPlatformAndASharedOneIsShownOnce(t *testing.T) {
	onEachEngine(t, func(s *story) {
		mark := random()
		r := s.mustBuild("--platform", three, "--push", "-t", s.repo(), s.dockerfile("FROM --platform=$BUILDPLATFORM $BASE AS tool", "RUN echo "+mark+" >/once",
			"FROM $BASE", "RUN echo "+mark+" >/own", "COPY --from=tool /once /"))
		steps := map[string]int{} // by "platform number"
		for _, m := range regexp.MustCompile(`(?m)^(\S+) +\| #(\d+) (\[.*)$`).FindAllStringSubmatch(r.err, -1) {
			if strings.Contains(m[3], mark) {
				steps[m[1]+" "+m[2]]++
			}
		}
		for line := range strings.Lines(r.err) {
			if strings.Contains(line, "#") && !regexp.MustCompile(`^(shared|linux/\S+) +\| `).MatchString(line) {
				s.Errorf("a step does not say its platform: %s", line)
			}
		}
		count := map[string]int{}
		for step := range steps {
			who, _, _ := strings.Cut(step, " ")
			count[who]++
		}
		s.equal("the number of steps with the mark", count, "map[linux/amd64:1 linux/arm/v7:1 linux/arm64:1 shared:1]")
	})
}

func TestProgressIsAsItWasAskedFor(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir := s.dockerfile("FROM $BASE", "RUN echo "+random())
		for mode, has := range map[string]bool{"plain": true, "auto": true, "quiet": false} {
			r := s.mustBuild("--progress", mode, "--no-cache", "--push", "-t", s.repo(), dir)
			s.equal("whether "+mode+" shows steps", strings.Contains(r.err, "RUN echo"), has)
		}
	})
}

func TestTheBuilderSaysThatItIsOnTheHostsNetworkAndWhy(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.ownBuilder()
		r := s.mustBuild("--push", "-t", s.repo(), s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		s.contains("the progress", r.err, "host's network")
		s.equal("the container's network", s.mustDocker("inspect", "--format", "{{.HostConfig.NetworkMode}}", s.container()), "host")
	})
}

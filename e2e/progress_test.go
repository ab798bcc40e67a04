//go:build e2e

package e2e

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
	"github.com/tonistiigi/vt100"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
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

// lanes returns the lines of a plain display by their platform.
func lanes(text string) map[string]string {
	byName := map[string]string{}
	for line := range strings.Lines(text) {
		if who, rest, ok := strings.Cut(line, " | "); ok {
			byName[strings.TrimSpace(who)] += rest
		}
	}
	return byName
}

func TestEachPlatformsLogIsInItsOwnFileUnderEveryDisplay(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir := s.dockerfile("FROM --platform=$BUILDPLATFORM $BASE AS tool", "RUN echo made on $(uname -m) >/once && cat /once",
			"FROM $BASE", "COPY --from=tool /once /", "RUN echo running on $(uname -m)")
		for _, display := range []string{"plain", "quiet", "rawjson"} {
			logs := s.dir + "/logs/" + display
			s.mustBuild("--progress", display, "--log-dir", logs, "--no-cache", "--platform", "linux/amd64,linux/arm64", "--push", "-t", s.repo(), dir)
			s.contains("the log of arm64", s.read(logs+"/linux_arm64.log"), "running on aarch64", "exporting to image", "DONE")
			s.contains("the log of amd64", s.read(logs+"/linux_amd64.log"), "running on x86_64", "DONE")
			s.contains("the log of what is shared", s.read(logs+"/shared.log"), "made on ")
			s.lacks("the log of arm64", s.read(logs+"/linux_arm64.log"), "running on x86_64", "made on ", " | #")
		}
		s.write("file", "")
		r := s.build("--log-dir", s.dir+"/file", "--push", "-t", s.repo(), dir)
		s.equal("the status", r.code, 125)
		s.contains("the error", r.err, "--log-dir", "not a directory")
	})
}

func TestRawJSONIsAllThatIsOnStandardErrorWhetherABuildSucceedsOrFails(t *testing.T) {
	onEachEngine(t, func(s *story) {
		for last, code := range map[string]int{"true": 0, "false": 1} {
			r := s.build("--progress", "rawjson", "--platform", "linux/amd64,linux/arm64", "--push", "-t", s.repo(),
				s.dockerfile("FROM $BASE", "RUN echo "+random()+" && "+last))
			s.equal("the status", r.code, code)
			steps, said := map[string]bool{}, ""
			for line := range strings.Lines(r.err) {
				var msg client.SolveStatus
				if err := json.Unmarshal([]byte(line), &msg); err != nil {
					s.Fatalf("no status message: %v\n%s", err, line)
				}
				for _, v := range msg.Vertexes {
					if strings.Contains(v.Name, "RUN echo") {
						steps[strings.Fields(v.Name)[0]] = true
					}
				}
				for _, l := range msg.Logs {
					said += string(l.Data)
				}
			}
			s.equal("the platforms of the step", sortedKeys(steps), "[[linux/amd64 [linux/arm64]")
			s.contains("the output of the steps", said, "PLATFORM")
			s.equal("whether the error is in it", strings.Contains(said, "ERROR: "), code != 0)
		}
	})
}

func TestFailedPlatformsLastLinesAreSaidAgainBeforeTheTableAndOnceIfTheyFailedAlike(t *testing.T) {
	onEachEngine(t, func(s *story) {
		for _, display := range []string{"plain", "quiet"} {
			r := s.build("--progress", display, "--platform", three, "--push", "-t", s.repo(), s.dockerfile("FROM $BASE",
				"RUN for i in $(seq 60); do echo line $i of "+random()+"; done; test $(uname -m) = x86_64"))
			s.equal("the status", r.code, 1)
			_, end, _ := strings.Cut(r.err, "\n2 platforms | failed after ")
			again, table, _ := strings.Cut(end, "PLATFORM ")
			s.contains("the end", again, "(linux/arm/v7, linux/arm64)\n", "2 platforms | line 21 of", "2 platforms | line 60 of",
				"2 platforms |    2 | >>> RUN for i in")
			s.lacks("the end", again, "line 20 of ")
			s.equal("how often the last line is there", strings.Count(again, "line 60 of"), 1)
			s.equal("whether the table follows", display == "quiet" || strings.Contains(table, "linux/amd64 "), true)
			s.contains("the error", r.err, "ERROR: ", "exit code: 1")
		}
	})
}

func TestEveryLineOfAPlainDisplayBelongsToOnePlatform(t *testing.T) {
	onEachEngine(t, func(s *story) {
		r := s.mustBuild("--progress", "plain", "--platform", three, "--push", "-t", s.repo(),
			s.dockerfile("FROM $BASE", "RUN echo "+random()+"; for i in $(seq 300); do echo this is $(uname -m) all of the line; done"))
		for name, machine := range map[string]string{"linux/amd64": "x86_64", "linux/arm64": "aarch64", "linux/arm/v7": "armv7l"} {
			s.equal("the lines of "+name, strings.Count(lanes(r.err)[name], " this is "+machine+" all of the line\n"), 300)
		}
		s.equal("all such lines", strings.Count(r.err, "all of the line\n"), 900)
	})
}

func TestATerminalKeepsABlockForEachPlatformAndNoneOfTheRunningSteps(t *testing.T) {
	onEachEngine(t, func(s *story) {
		script, err := exec.LookPath("script")
		if err != nil {
			testenv.SkipBecause(s.T, err.Error())
		}
		words := strings.Join(s.buildArgs("--platform", three, "--push", "-t", s.repo(),
			s.dockerfile("FROM $BASE", "RUN for i in 1 2 3 4 5; do echo mark-"+random()+"; sleep 0.3; done")), " ")
		r := s.startProgram(script, call{args: []string{"-qec", "stty cols 90 rows 12; docker " + words, "/dev/null"}}).wait()
		s.equal("the status", r.code, 0)
		screen := vt100.NewVT100(60, 90)
		_, _ = screen.Write([]byte(r.out))
		var text strings.Builder
		for _, line := range screen.Content {
			text.WriteString(strings.TrimRight(string(line), " ") + "\n")
		}
		s.contains("what was shown meanwhile", r.out, "=> [2/2] RUN for i in", "| mark-")
		s.contains("the screen at the end", text.String(), "[+] building for linux/amd64, linux/arm64, linux/arm/v7", " linux/arm64 ", "done", "PLATFORM")
		s.lacks("the screen at the end", text.String(), "mark-", "=> ")
		s.equal("how often the title is there", strings.Count(text.String(), "[+]"), 1)
	})
}

func TestSlowEmulatedStepsAreNamedAfterTheBuildAndStepsThatAreSlowAnywayAreNot(t *testing.T) {
	onEachEngine(t, func(s *story) {
		r := s.mustBuild("--platform", "linux/amd64,linux/arm64", "--push", "-t", s.repo(), s.dockerfile("FROM $BASE AS slow",
			"RUN echo "+random()+"; test $(uname -m) = x86_64 || sleep 11", "FROM $BASE", "RUN echo "+random()+"; sleep 11", "COPY --from=slow /bin/sh /x"))
		_, said, _ := strings.Cut(r.err, "Slowest emulated steps:\n")
		s.contains("the end", said, "  Dockerfile:2  RUN echo ", "(linux/arm64 1", "s, natively ", "Hint: ", "FROM --platform=$BUILDPLATFORM")
		s.lacks("the end", said, "Dockerfile:4")
	})
}

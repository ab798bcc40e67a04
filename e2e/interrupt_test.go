//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// pluginsOf returns the processes of the plugin that work for a builder.
func pluginsOf(builder string) (pids []int) {
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		words, _ := os.ReadFile("/proc/" + entry.Name() + "/cmdline")
		program, _, _ := strings.Cut(string(words), "\x00")
		if strings.HasSuffix(program, "/docker-multiarch") && strings.Contains(string(words), builder) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// longBuild starts a build that would take an hour in a builder of its own, and returns when its step runs.
func (s *story) longBuild(repo string) *process {
	s.Helper()
	s.ownBuilder()
	p := s.start(call{args: s.buildArgs("--push", "-t", repo, s.dockerfile("FROM $BASE", "RUN sleep 3600"))})
	s.eventually("the step runs", func() bool { return s.runs("sleep 3600") || !p.left() })
	return p
}

// clean checks that an interrupted build has left nothing: no tag, no process here or in the builder, no temporary file.
func (s *story) clean(repo string) {
	s.Helper()
	s.equal("whether the tag is there", s.exists(repo, "latest"), false)
	s.eventually("no process is left in the builder", func() bool { return !s.runs("sleep 3600") && !s.runs("dial-stdio") })
	s.eventually("no plugin is left", func() bool { return len(pluginsOf(s.builder)) == 0 })
	left, err := os.ReadDir(s.tmp)
	s.check(err)
	s.equal("the temporary files", left, "[]")
}

func TestCtrlCEndsABuildWithStatus130AndLeavesNothing(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		build := s.longBuild(repo)
		build.signal(syscall.SIGINT)
		r := build.wait()
		s.equal("the status", r.code, 130)
		s.equal("the standard output", r.out, "")
		s.contains("the end", r.err, "interrupted")
		s.clean(repo)
	})
}

func TestCtrlCOnATerminalEndsABuildWithStatus130AndLeavesNothing(t *testing.T) {
	onEachEngine(t, func(s *story) {
		script, err := exec.LookPath("script")
		if err != nil {
			testenv.SkipBecause(s.T, err.Error())
		}
		s.ownBuilder()
		repo := s.repo()
		keys, typed, err := os.Pipe()
		s.check(err)
		words := strings.Join(s.buildArgs("--push", "-t", repo, s.dockerfile("FROM $BASE", "RUN sleep 3600")), " ")
		build := s.startProgram(script, call{args: []string{"-qec", "docker " + words, "/dev/null"}, stdin: keys})
		s.eventually("the step runs", func() bool { return s.runs("sleep 3600") || !build.left() })
		_, err = typed.WriteString("\x03")
		s.check(err)
		s.equal("the status", build.wait().code, 130)
		s.check(typed.Close())
		s.clean(repo)
	})
}

func TestSIGTERMEndsABuildWithStatus143AndLeavesNothing(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		build := s.longBuild(repo)
		for _, pid := range pluginsOf(s.builder) {
			s.check(syscall.Kill(pid, syscall.SIGTERM))
		}
		s.equal("the status", build.wait().code, 143)
		s.clean(repo)
	})
}

func TestCtrlCWhileTheBuilderIsMadeLeavesNothingHalfMade(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.ownBuilder()
		repo := s.repo()
		dir := s.dockerfile("FROM scratch", "COPY Dockerfile /")
		build := s.start(call{args: s.buildArgs("--push", "-t", repo, dir)})
		s.eventually("a container of the builder is there", func() bool { return len(s.containers()) > 0 || !build.left() })
		build.signal(syscall.SIGINT)
		s.equal("the status", build.wait().code, 130)
		s.clean(repo)
		for _, name := range strings.Fields(s.mustDocker("ps", "-a", "--format", "{{.Names}}", "--filter", "label=com.docker-multiarch.builder="+s.builder)) {
			s.equal("the container that is left", name, hostContainerOf(s.builder))
		}
		s.mustBuild("--push", "-t", repo, dir)
	})
}

func TestCtrlCAtAnyMomentEndsSoonWithStatus130(t *testing.T) {
	onEachEngine(t, func(s *story) {
		host, sent := s.countingEngine()
		for moment := int64(1); moment < 64<<10; moment *= 4 { // by the number of bytes that the engine has received
			step := "sleep 3600; true " + random() // other stories use this builder, too
			repo, dir := s.repo(), s.dockerfile("FROM $BASE", "RUN "+step)
			before := sent()
			build := s.start(call{
				args: s.buildArgs("--platform", "linux/amd64,linux/arm64", "--push", "-t", repo, dir), env: []string{"DOCKER_HOST=" + host},
			})
			s.eventually("the build is that far", func() bool { return sent()-before >= moment || s.runs(step) })
			build.signal(syscall.SIGINT)
			asked := time.Now()
			r := build.wait()
			if took := time.Since(asked); r.code != 130 || took > 10*time.Second {
				s.Errorf("after %d bytes: status %d, %s later\n%s", moment, r.code, took, r.err)
			}
			s.equal("whether the tag is there", s.exists(repo, "latest"), false)
		}
	})
}

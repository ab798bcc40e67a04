//go:build e2e

package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// container returns the ID of the builder's container, that on the host's network if there are two; "" without one.
func (s *story) container() string {
	return strings.TrimSpace(s.docker("inspect", "--format", "{{.Id}}", s.containerName()).out)
}

// containerName returns the name of that container.
func (s *story) containerName() string {
	if name := hostContainerOf(s.builder); s.docker("inspect", name).code == 0 {
		return name
	}
	return containerOf(s.builder)
}

// containers returns all containers that the builder has made on the engine, also unfinished ones.
func (s *story) containers() []string {
	return strings.Fields(s.mustDocker("ps", "-aq", "--filter", "label=com.docker-multiarch.builder="+s.builder))
}

// cacheable is a context with a step that takes its result from the cache when it is built again.
func (s *story) cacheable() string {
	return s.dockerfile("FROM $BASE", "RUN head -c 16 /dev/urandom | base64 >/chance")
}

// chance builds the context and returns the random bytes that its step made once.
func (s *story) chance(dir string, flags ...string) string {
	s.Helper()
	repo := s.repo()
	s.mustBuild(append(flags, "--push", "-t", repo, dir)...)
	return s.fileOf(repo, "latest", "", "chance")
}

func TestTheFirstBuildOnACleanHomeMakesTheBuilderAndTheNextUsesIt(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.ownBuilder()
		dir := s.cacheable()
		chance := s.chance(dir)
		made := s.container()
		if made == "" {
			s.Fatal("there is no container of the builder")
		}
		s.newHome()
		s.equal("what the step made", s.chance(dir), chance)
		s.equal("the builder's container", s.container(), made)
	})
}

func TestAStoppedBuilderIsStarted(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.ownBuilder()
		dir := s.cacheable()
		chance, made := s.chance(dir), s.container()
		s.mustDocker("stop", made)
		s.equal("what the step made", s.chance(dir), chance)
		s.equal("the builder's container", s.container(), made)
	})
}

func TestADeletedBuilderIsMadeAgainOnItsCache(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.ownBuilder()
		dir := s.cacheable()
		chance := s.chance(dir)
		s.mustDocker("rm", "-f", s.container())
		s.equal("what the step made", s.chance(dir), chance)
	})
}

func TestABuilderOfWhichSomethingElseIsWantedIsReplacedOnItsCache(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.ownBuilder()
		dir := s.cacheable()
		chance, made := s.chance(dir), s.container()
		s.equal("what the step made", s.chance(dir, "--driver-opt", "env.COLOUR=green", "--driver-opt", "memory=1g"), chance)
		replaced := s.container()
		if replaced == made {
			s.Error("the container is the old one")
		}
		s.contains("the environment", s.mustDocker("inspect", "--format", "{{.Config.Env}} {{.HostConfig.Memory}}", replaced), "COLOUR=green", "1073741824")
		s.equal("what the step made", s.chance(dir), chance)
		s.equal("the container after a build that does not say it", s.container(), replaced)
	})
}

func TestABuilderIsNotReplacedWhileABuildRunsInIt(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.ownBuilder()
		long := s.start(call{args: s.buildArgs("--push", "-t", s.repo(), s.dockerfile("FROM $BASE", "RUN sleep 3"))})
		s.eventually("the first build runs its step", func() bool { return s.runs("sleep 3") })
		made := s.container()
		other := s.build("--driver-opt", "env.COLOUR=blue", "--push", "-t", s.repo(), s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		first := long.wait()
		if first.code != 0 || other.code != 0 {
			s.Errorf("the builds ended with %d and %d\n%s\n%s", first.code, other.code, first.err, other.err)
		}
		if s.container() == made {
			s.Error("the builder was never replaced")
		}
	})
}

// runs reports whether a process with these words is in the builder's container.
func (s *story) runs(words string) bool {
	return strings.Contains(s.docker("top", s.containerName(), "-eo", "pid,args").out, words)
}

func TestEightFirstBuildsAtOnceEndWithOneBuilderAndEightImages(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.ownBuilder()
		var builds []*process
		for range 8 {
			s.newHome()
			dir := s.dockerfile("FROM $BASE", "RUN echo "+random()+" >/x")
			builds = append(builds, s.start(call{args: s.buildArgs("--push", "-t", s.repo(), dir)}))
		}
		for _, build := range builds {
			if r := build.wait(); r.code != 0 {
				s.Errorf("status %d\n%s", r.code, r.err)
			}
		}
		s.equal("the number of containers", len(s.containers()), 1)
		volumes := s.mustDocker("volume", "ls", "-q", "--filter", "name=docker-multiarch-"+s.builder)
		s.equal("the volumes", volumes, volumeOf(hostContainerOf(s.builder)))
	})
}

func TestATooOldBuilderImageIsRefusedWithTheCommand(t *testing.T) {
	onEachEngine(t, func(s *story) {
		if s.docker("image", "inspect", "moby/buildkit:e2e-old").code != 0 {
			testenv.SkipBecause(s.T, "the engine has no image moby/buildkit:e2e-old")
		}
		s.ownBuilder()
		r := s.build("--builder-image", "moby/buildkit:e2e-old", "--push", "-t", s.repo(), s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		s.equal("the status", r.code, 1)
		s.contains("the error", r.err, "v0.11.0", "docker pull moby/buildkit:e2e-old", "--builder-image")
		s.equal("the containers", s.containers(), "[]")
	})
}

func TestBuildersCanBeListedInspectedStoppedAndRemoved(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.ownBuilder()
		dir := s.cacheable()
		chance := s.chance(dir)
		s.contains("the list", s.mustDocker("multiarch", "builder", "ls"), s.builder, "running")
		var row struct {
			Name  string
			Nodes []struct {
				Container, Volume, Status string
				Platforms                 []string
			}
		}
		s.check(json.Unmarshal([]byte(s.mustDocker("multiarch", "builder", "inspect", "--format", "json", s.builder)), &row))
		s.equal("the builder", []string{row.Name, row.Nodes[0].Container, row.Nodes[0].Volume, row.Nodes[0].Status},
			[]string{s.builder, hostContainerOf(s.builder), volumeOf(hostContainerOf(s.builder)), "running"})
		s.contains("the platforms", strings.Join(row.Nodes[0].Platforms, " "), "linux/"+s.mustDocker("version", "--format", "{{.Server.Arch}}"))

		s.mustDocker("multiarch", "builder", "stop", s.builder)
		s.contains("the list", s.mustDocker("multiarch", "builder", "ls"), "stopped")
		s.mustDocker("multiarch", "builder", "rm", "--keep-state", s.builder)
		s.equal("the containers", s.containers(), "[]")
		s.equal("what the step made", s.chance(dir), chance)
		s.mustDocker("multiarch", "builder", "rm", s.builder)
		s.equal("the containers", s.containers(), "[]")
		s.equal("the volumes", s.mustDocker("volume", "ls", "-q", "--filter", "name=docker-multiarch-"+s.builder), "")
		gone := s.docker("multiarch", "builder", "inspect", s.builder)
		s.equal("the status of looking at none", gone.code, 1)
		s.contains("the error", gone.err, s.builder)
	})
}

func TestABuilderWithoutANameIsCalledDefault(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.builder = "default"
		if s.container() == "" {
			s.Cleanup(func() { removeBuilder(s.host, "default") })
		}
		s.mustDocker("multiarch", "build", "--push", "-t", s.repo(), s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		s.contains("the builder", s.mustDocker("multiarch", "builder", "inspect"), "default", "running")
	})
}

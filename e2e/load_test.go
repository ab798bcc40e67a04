//go:build e2e

package e2e

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

// loadedName returns the engine's name for a platform's image, and the arguments that select it.
func (s *story) loadedName(name, platform string) []string {
	if s.containerdStore() {
		return []string{"--platform", platform, name}
	}
	if platform != "linux/amd64" {
		name += "-" + strings.ReplaceAll(platform, "/", "-")
	}
	return []string{name}
}

// containerdStore reports whether the story's engine keeps indexes.
func (s *story) containerdStore() bool {
	return strings.Contains(s.mustDocker("info", "--format", "{{.DriverStatus}}"), "io.containerd.snapshotter.v1")
}

// engineName returns a name in the engine's store that is removed with the story.
func (s *story) engineName() string {
	name := "e2e/" + random() + ":v1"
	s.Cleanup(func() {
		for _, platform := range strings.Split(three, ",") {
			s.docker("image", "rm", "-f", name, name+"-"+strings.ReplaceAll(platform, "/", "-"))
		}
	})
	return name
}

func TestEveryPlatformIsLoadedAndRunsOnAnyStore(t *testing.T) {
	onEachEngine(t, func(s *story) {
		name, dir := s.engineName(), s.machines()
		r := s.mustBuild("--platform", three, "--load", "-t", name, dir)
		for platform, machine := range unameOf {
			s.equal(platform, s.mustDocker(append(append([]string{"run", "--rm"}, s.loadedName(name, platform)...), "cat", "/machine")...), machine)
		}
		if !s.containerdStore() {
			s.contains("the answer", r.err, "holds one platform a name", name+"-linux-arm64", name+"-linux-arm-v7")
		}
		again := s.mustBuild("--platform", three, "--load", "-t", name, dir)
		s.contains("a second time", again.err, "(unchanged)")
		id := strings.TrimSpace(s.mustBuild("-q", "--load", dir).out)
		s.equal("an image without a name", s.mustDocker("run", "--rm", id, "cat", "/machine"), "x86_64")
	})
}

func TestTheLoadedImageIsThePushedOne(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		s.Cleanup(func() { s.docker("image", "rm", "-f", repo+":v1", repo+":v1-linux-arm64") })
		s.mustBuild("--platform", twoPlatforms, "--push", "--load", "-t", repo+":v1", s.machines())
		want := s.remote(repo, "v1").digest
		if !s.containerdStore() {
			want = s.image(repo, "v1", "linux/amd64").Config.Digest
		}
		s.equal("the ID", s.mustDocker("image", "inspect", "--format", "{{.Id}}", repo+":v1"), want)
	})
}

func TestOnlyTheChosenPlatformsAreLoaded(t *testing.T) {
	onEachEngine(t, func(s *story) {
		name, dir := s.engineName(), s.machines()
		s.mustBuild("--platform", three, "--load=native", "-t", name, dir)
		s.equal("native", s.mustDocker("run", "--rm", "--pull", "never", name, "cat", "/machine"), "x86_64")
		for _, platform := range []string{"linux/arm64", "linux/arm/v7"} {
			if s.docker(append([]string{"run", "--rm", "--pull", "never"}, append(s.loadedName(name, platform), "true")...)...).code == 0 {
				s.Errorf("%s is there too", platform)
			}
		}
		other := s.engineName()
		s.mustBuild("--platform", three, "--load=linux/arm64", "-t", other, dir)
		s.equal("linux/arm64", s.mustDocker("run", "--rm", "--pull", "never", "--platform", "linux/arm64", other, "cat", "/machine"), "aarch64")
	})
}

func TestAnEngineOnAnotherMachineIsLoadedToo(t *testing.T) {
	onEachEngine(t, func(s *story) {
		name := s.engineName()
		host, sent := s.countingEngine()
		dir := s.folder(files{"Dockerfile": s.onBase("FROM $BASE", "COPY big /", "RUN uname -m >/machine"), "big": noise(8 << 20)})
		args := s.buildArgs("--platform", twoPlatforms, "--load", "-t", name, dir)
		env := []string{"DOCKER_HOST=" + host}
		s.mustRun(call{args: args, env: env})
		s.equal("arm64", s.mustDocker(append(append([]string{"run", "--rm"}, s.loadedName(name, "linux/arm64")...), "cat", "/machine")...), "aarch64")
		once := sent()
		s.write(filepath.Join(dir, "Dockerfile"), s.onBase("FROM $BASE", "COPY big /", "RUN uname -m >/machine; echo more >/more"))
		s.mustRun(call{args: args, env: env})
		if again := sent() - once; again > 4<<20 {
			s.Errorf("%d bytes were sent again, of an image of which a small layer changed", again)
		}
	})
}

func TestStagedEngineImagesAreRemovedIfATagCannotBeMoved(t *testing.T) {
	onEachEngineAlone(t, func(s *story) { // no other story may change the engine's images
		faults, host := s.front()
		faults.Add(faultregistry.Fault{Match: faultregistry.TagPut, Do: faultregistry.Answer(403, "DENIED", "that tag is not yours")})
		images := func() []string {
			lines := strings.Split(strings.TrimSpace(s.mustDocker("image", "ls", "--all", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}")), "\n")
			slices.Sort(lines)
			return lines
		}
		first := images()
		s.Cleanup(func() {
			for _, image := range images() {
				if id, nameless := strings.CutPrefix(image, "<none>:<none> "); nameless && !slices.Contains(first, image) {
					s.docker("image", "rm", "-f", id)
				}
			}
		})
		refused := func(what, dir string) {
			before := images()
			r := s.build("--platform", twoPlatforms, "--push", "--load", "-t", host+"/e2e/"+random(), dir)
			s.equal("the status", r.code, 4)
			s.contains("the error", r.err, "that tag is not yours")
			s.equal("the engine's images after "+what, images(), before)
		}
		named := s.dockerfile("FROM scratch", "COPY Dockerfile /named")
		s.mustBuild("--platform", twoPlatforms, "--load", "-t", s.engineName(), named)
		refused("an image that it did not have", s.dockerfile("FROM scratch", "COPY Dockerfile /new"))
		refused("one that it had", named)
		nameless := s.dockerfile("FROM scratch", "COPY Dockerfile /nameless")
		s.mustBuild("--platform", twoPlatforms, "--load", nameless)
		refused("one that it had without a name", nameless)
	})
}

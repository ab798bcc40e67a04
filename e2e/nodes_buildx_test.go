//go:build e2e

package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// peerConfig tells our commands of the story which folder the peer of s.beside keeps its builders in.
func (s *story) peerConfig() string {
	s.Helper()
	dir := filepath.Join(s.home, "buildx")
	s.env = append(s.env, "BUILDX_CONFIG="+dir)
	return dir
}

func TestABuilderOfThePeerIsTakenAsItIs(t *testing.T) {
	s := besideOn(t)
	dir := s.peerConfig()
	s.peerNode("first", append([]string{"--driver", "remote", "--platform", "linux/amd64"}, s.optionsOf(s.bareUnix())...)...)
	s.peerNode("second", append([]string{"--driver", "remote", "--platform", "linux/arm64"}, s.optionsOf(s.bareArm())...)...)
	before := s.state(filepath.Join(dir, "instances"))
	repo := s.repo()
	r := s.mustBuild("--platform", twoPlatforms, "--push", "-t", repo+":named", "--metadata-file", "meta.json", s.where())
	s.equal("the nodes", s.nodesOf("meta.json"), eachOnItsOwn)
	s.contains("the note", r.err, "buildx", s.builder)
	for platform, node := range map[string]bool{"linux/amd64": false, "linux/arm64": true} {
		if text := s.fileOf(repo, "named", platform, "where"); isOn(text, s.bareArm()) != node {
			s.Errorf("%s was built on %s", platform, text)
		}
	}
	s.mustRun(call{
		args: []string{"multiarch", "build", "--platform", twoPlatforms, "--push", "-t", repo + ":variable", "--metadata-file", "other.json", s.where()},
		env:  []string{"BUILDX_BUILDER=" + s.builder},
	})
	s.equal("the nodes by the variable", s.nodesOf("other.json"), eachOnItsOwn)
	s.equal("the peer's folder", s.state(filepath.Join(dir, "instances")), before)
	s.contains("what the peer says of it", s.peer("ls"), s.builder)

	list := s.docker("multiarch", "builder", "ls")
	s.contains("the list", list.out, s.builder, "remote (docker buildx)", "first", "second", "running")

	// A builder of the peer's is not changed.
	r = s.run(call{args: []string{"multiarch", "builder", "create", "--name", s.builder, "--append", s.bareUnix().Address()}})
	s.contains("a change of the peer's builder", r.err, "is kept by docker buildx")
	s.equal("the peer's folder after it", s.state(filepath.Join(dir, "instances")), before)

	s.write(filepath.Join(dir, "instances", "broken"), "{")
	r = s.docker("multiarch", "builder", "ls", "--format", "json")
	s.contains("the list beside a broken file", r.out, `"Name":"`+s.builder+`"`, `"KeptBy":"docker buildx"`)
	s.contains("what is said of that file", r.err, filepath.Join(dir, "instances", "broken"))
}

func TestAContainerOfThePeerIsStartedAndNeitherMadeNorRemoved(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.contexts()
		s.farm()
		s.peerConfig()
		container := "buildx_buildkit_first"
		container += strings.TrimPrefix(s.builder, "e2e")
		node := "first" + strings.TrimPrefix(s.builder, "e2e")
		s.peerNode(node, "--driver", "docker-container", "--driver-opt", "network=host", "--bootstrap", "near")
		s.Cleanup(func() {
			s.beside("rm", "-f", s.builder)
			s.docker("volume", "rm", "-f", container+"_state") // without the container, the peer leaves it
		})
		id := s.mustDocker("inspect", "--format", "{{.Id}}", container)
		s.mustDocker("stop", container)
		pushed := s.repo() + ":v1"
		s.Cleanup(func() { s.docker("image", "rm", "-f", pushed, pushed+"-linux-arm64") })
		s.mustBuild("--platform", twoPlatforms, "--push", "--load", "-t", pushed, s.machines())
		s.equal("the container", s.mustDocker("inspect", "--format", "{{.Id}} {{.State.Running}}", container), id+" true")
		s.refused(s.docker("multiarch", "builder", "rm", s.builder), 1, "buildx rm")
		s.equal("the container after that", s.mustDocker("inspect", "--format", "{{.Id}}", container), id)
		s.mustDocker("rm", "-f", container)
		repo := s.repo()
		s.refused(s.build("--push", "-t", repo, s.where()), 1, node, "docker buildx inspect --bootstrap "+s.builder)
		s.equal("whether there is a result", s.exists(repo, "latest"), false)
	})
}

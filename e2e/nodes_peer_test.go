//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// These stories show faults of the peer with several nodes, and that a build of ours on the very nodes has none of them.

// beside runs the peer, which may fail, with the configuration of s.peer.
func (s *story) beside(args ...string) result {
	s.Helper()
	return s.startProgram(need(s.T, "MULTIARCH_E2E_BUILDX"), call{args: args, env: []string{"BUILDX_CONFIG=" + filepath.Join(s.home, "buildx")}}).wait()
}

// peerNode adds a node to the peer's builder, whose name is ours.
func (s *story) peerNode(name string, words ...string) {
	s.Helper()
	args := []string{"create", "--name", s.builder, "--node", name}
	if s.beside("inspect", s.builder).code == 0 {
		args = append(args, "--append")
	}
	if r := s.beside(append(args, words...)...); r.code != 0 {
		s.Fatalf("buildx %s: %s", strings.Join(args, " "), r.err)
	}
}

// twins makes the same builder of remote nodes for us and for the peer; platforms are given by node.
func (s *story) twins(nodes ...twin) {
	s.Helper()
	for _, n := range nodes {
		s.remoteNode(n.name, n.Daemon, "--platform", n.platform)
		s.peerNode(n.name, append([]string{"--driver", "remote", "--platform", n.platform}, s.optionsOf(n.Daemon)...)...)
	}
}

type twin struct {
	name, platform string
	*testenv.Daemon
}

// besideOn is a story with nodes and the peer, once.
func besideOn(t *testing.T) *story {
	t.Helper()
	t.Parallel()
	return besideOnAlone(t)
}

// besideOnAlone is besideOn while no other story runs.
func besideOnAlone(t *testing.T) *story {
	t.Helper()
	s := newStory(t, "MULTIARCH_E2E_CONTAINERD")
	s.contexts()
	s.farm()
	return s
}

func TestAPlatformThatNoNodeHasTakesNoOtherPlatformsNode(t *testing.T) {
	s := besideOn(t)
	unix, arm := s.bareUnix(), s.bareArm()
	s.twins(twin{"first", "linux/amd64", unix}, twin{"second", "linux/arm64", arm})
	repo, dir := s.repo(), s.where()
	words := []string{"build", "--builder", s.builder, "--platform", "linux/arm64,linux/s390x", "--push"}
	s.equal("the peer's status", s.beside(append(words, "-t", repo+":peer", dir)...).code, 0)
	if text := s.fileOf(repo, "peer", "linux/arm64", "where"); !isOn(text, unix) {
		s.Errorf("the peer has built linux/arm64 on %s", text)
	}
	r := s.docker(append(append([]string{"multiarch"}, words...), "--metadata-file", "meta.json", "-t", repo+":ours", dir)...)
	if r.code != 0 {
		s.Fatalf("status %d\n%s", r.code, r.err)
	}
	if text := s.fileOf(repo, "ours", "linux/arm64", "where"); !isOn(text, arm) {
		s.Errorf("linux/arm64 was built on %s", text)
	}
	s.contains("the nodes", s.nodesOf("meta.json"), "linux/arm64 on second", "linux/s390x on ")
	s.equal("the platforms", s.remote(repo, "ours").platforms(), []string{"linux/arm64", "linux/s390x"})
}

func TestANodeWhoseContextIsGoneIsNamed(t *testing.T) {
	s := besideOn(t)
	s.mustDocker("context", "create", "gone", "--docker", "host="+s.other())
	s.Cleanup(func() { s.beside("rm", "-f", s.builder) })
	container := []string{"--driver", "docker-container", "--driver-opt", "network=host", "--platform"}
	s.peerNode("first", append(container, "linux/amd64", "near")...)
	s.peerNode("second", append(container, "linux/arm64", "gone")...)
	s.containerNode("first", "near", "--platform", "linux/amd64")
	s.containerNode("second", "gone", "--platform", "linux/arm64")
	s.mustDocker("context", "rm", "gone")
	repo, dir := s.repo(), s.where()
	peer := s.beside("build", "--builder", s.builder, "--platform", twoPlatforms, "--push", "-t", repo+":peer", dir)
	s.equal("the peer's status", peer.code, 0)
	s.lacks("what the peer says", peer.err, "gone", "second")
	r := s.build("--platform", twoPlatforms, "--push", "-t", repo+":ours", dir)
	s.refused(r, 1, "second", `"gone"`)
	s.equal("whether a tag is there", s.exists(repo, "ours"), false)
	if one := s.build("--platform", "linux/amd64", "--push", "-t", repo+":one", dir); one.code != 0 {
		s.Errorf("a build that does not need it: status %d\n%s", one.code, one.err)
	}
}

func TestADeadNodeIsNamedAndOthersTakeOverOnlyIfTheyMay(t *testing.T) {
	s := besideOn(t)
	unix := s.bareUnix()
	for what, address := range map[string]string{"nothing listens": s.unreachable(), "nothing answers": s.silent()} {
		s.farm()
		s.remoteNode("first", unix, "--platform", "linux/amd64")
		s.node("second", append(remoteDriver(), "--platform", "linux/arm64", address)...)
		repo, dir := s.repo(), s.where()
		began := time.Now()
		r := s.build("--platform", twoPlatforms, "--push", "-t", repo, dir)
		if took := time.Since(began); took > 8*time.Second { // 5, and what a busy machine takes
			s.Errorf("%s: it took %s", what, took)
		}
		s.equal(what+": the status", r.code, 1)
		s.contains(what+": the error", r.err, "second", strings.TrimPrefix(address, "tcp://"), "--fallback emulate")
		s.equal("whether the tag is there", s.exists(repo, "latest"), false)
		s.mustBuild("--platform", "linux/amd64", "-o", "out", dir)

		s.emulatesArm()
		fallback := s.mustBuild("--platform", twoPlatforms, "--fallback", "emulate", "--metadata-file", "meta.json", "--report", "report.md", "--push", "-t", repo, dir)
		s.contains("what a build says that may fall back", fallback.err, "second", "linux/arm64")
		s.equal("its nodes", s.nodesOf("meta.json"), "linux/amd64 on first, linux/arm64 on first")
		s.contains("its report", s.read("report.md"), "second")
	}
}

func TestThePeerWaitsForADeadNodeAndDoesNotNameIt(t *testing.T) {
	s := besideOn(t)
	s.peerNode("first", "--driver", "remote", "--platform", "linux/amd64", s.bareUnix().Address())
	s.peerNode("second", "--driver", "remote", "--platform", "linux/arm64", s.unreachable())
	r := s.beside("build", "--builder", s.builder, "--platform", twoPlatforms, "--push", "-t", s.repo(), s.where())
	s.equal("the peer's status", r.code, 1)
	lines := strings.Split(strings.TrimSpace(r.err), "\n")
	s.lacks("the peer's last line", lines[len(lines)-1], "second")
	if r.took < 15*time.Second {
		s.Errorf("the peer waits for %s only", r.took)
	}
}

func TestNoNodesCacheReplacesAnothers(t *testing.T) {
	s := besideOn(t)
	s.twins(twin{"first", "linux/amd64", s.bareUnix()}, twin{"second", "linux/arm64", s.bareArm()})
	caches, repo, dir := s.repo(), s.repo(), s.chances()
	made := func(tag string) string {
		return s.fileOf(repo, tag, "linux/amd64", "chance") + " " + s.fileOf(repo, tag, "linux/arm64", "chance")
	}
	build := func(tag string, flags ...string) result {
		return s.build(append(flags, "--platform", twoPlatforms, "--push", "-t", repo+":"+tag, dir)...)
	}
	if r := build("ours", "--cache-to", "type=registry,mode=max,ref="+caches+":one", "--cache-to", "type=registry,mode=max,ref="+caches+":{{platform}}"); r.code != 0 {
		s.Fatalf("status %d\n%s", r.code, r.err)
	}
	words := []string{"build", "--builder", s.builder, "--platform", twoPlatforms, "--cache-to", "type=registry,mode=max,ref=" + caches + ":peer", "--push"}
	if r := s.beside(append(words, "-t", repo+":peer", dir)...); r.code != 0 {
		s.Fatalf("the peer: %s", r.err)
	}
	for cache, whole := range map[string]bool{"peer": false, "one": true, "{{platform}}": true} {
		tag := map[bool]string{true: "ours", false: "peer"}[whole]
		want := made(tag)
		// On nodes that have built nothing.
		s.farm()
		s.remoteNode("first", s.ownNode(func(*testenv.Daemon) {}), "--platform", "linux/amd64")
		s.remoteNode("second", s.ownNode(s.beArm), "--platform", "linux/arm64")
		if r := build("again", "--cache-from", caches+":"+cache); r.code != 0 {
			s.Fatalf("status %d\n%s", r.code, r.err)
		}
		s.equal("whether both platforms are from the cache "+cache, made("again") == want, whole)
	}
}

func TestArchivesAndMetadataOfSeveralNodesAreWhole(t *testing.T) {
	s := besideOn(t)
	s.twins(twin{"first", "linux/amd64", s.bareUnix()}, twin{"second", "linux/arm64", s.bareArm()})
	dir := s.where()
	words := []string{"build", "--builder", s.builder, "--platform", twoPlatforms, "--metadata-file", "meta.json"}
	r := s.beside(append(words, "-o", "type=oci,dest=peer.tar", dir)...)
	s.equal("the peer's status for an archive", r.code, 1)
	s.contains("what the peer says", r.err, "multi-node")
	if r := s.beside(append(words, dir)...); r.code != 0 {
		s.Errorf("the peer without an output: %s", r.err)
	}
	s.lacks("the peer's metadata", s.read("meta.json"), "arm64")
	s.check(os.Remove(filepath.Join(s.dir, "meta.json")))

	s.mustDocker(append(append([]string{"multiarch"}, words...), "-o", "type=oci,dest=ours.tar", dir)...)
	s.equal("the nodes", s.nodesOf("meta.json"), eachOnItsOwn)
	raw := s.skopeo("inspect", "--raw", "oci-archive:"+filepath.Join(s.dir, "ours.tar"))
	s.contains("the archive", raw, `"amd64"`, `"arm64"`)
}

func TestDriversAreMixed(t *testing.T) {
	s := besideOn(t)
	s.Cleanup(func() { s.beside("rm", "-f", s.builder) })
	s.peerNode("first", "--driver", "remote", s.bareUnix().Address())
	r := s.beside("create", "--name", s.builder, "--node", "second", "--append", "--driver", "docker-container", "near")
	s.equal("the peer's status", r.code, 1)
	s.contains("what the peer says", r.err, "mismatched driver")
	s.remoteNode("first", s.bareUnix())
	s.containerNode("second", "near")
	s.contains("the list", s.mustDocker("multiarch", "builder", "ls"), "remote", "docker-container", "first", "second")
	s.mustBuild("--platform", twoPlatforms, "--push", "-t", s.repo(), s.where())
}

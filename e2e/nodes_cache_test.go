//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// shared is the place of a story's cache, and of its images.
type shared struct {
	*story
	cache, repo string
}

func (s *story) shared() shared { return shared{s, s.repo() + ":all", s.repo()} }

// builds runs a build, and returns what the steps of each platform made.
func (s shared) builds(tag, platforms string, flags ...string) (made []string) {
	s.Helper()
	s.mustBuild(append(flags, "--platform", platforms, "--push", "-t", s.repo+":"+tag)...)
	return s.chanceOf(tag, platforms)
}

func (s shared) chanceOf(tag, platforms string) (made []string) {
	s.Helper()
	for _, platform := range strings.Split(platforms, ",") {
		made = append(made, s.fileOf(s.repo, tag, platform, "common")+" "+s.fileOf(s.repo, tag, platform, "chance"))
	}
	return made
}

// ownSteps is a context without a step for the build platform, whose result would depend on the node.
func (s shared) ownSteps() string {
	s.Helper()
	return s.folder(files{"own": random(), "Dockerfile": s.onBase("FROM $BASE", "COPY own /common", "RUN (uname -m; head -c 16 /dev/urandom | base64) >/chance")})
}

// fresh makes the story's builder one of two nodes that have built nothing.
func (s shared) fresh() {
	s.Helper()
	s.farm()
	s.remoteNode("first", s.ownNode(func(*testenv.Daemon) {}), "--platform", "linux/amd64")
	s.remoteNode("second", s.ownNode(s.beArm), "--platform", "linux/arm64")
}

// shares returns the names of the nodes that have a share in the cache, sorted.
func (s shared) shares() (nodes []string) {
	s.Helper()
	name, tag, _ := strings.Cut(strings.TrimPrefix(s.cache, s.registry), ":")
	_, body := s.get(s.registry+name, "manifests/"+tag)
	var m struct {
		Layers []struct{ Annotations map[string]string }
	}
	s.check(json.Unmarshal(body, &m))
	for _, l := range m.Layers {
		if node, ok := l.Annotations["io.github.docker-multiarch.cache.node"]; ok {
			nodes = append(nodes, node)
		}
	}
	slices.Sort(nodes)
	return nodes
}

func TestOneCacheHasWhatEveryNodeMade(t *testing.T) {
	s := besideOn(t).shared()
	s.remoteNode("first", s.bareUnix(), "--platform", "linux/amd64")
	s.remoteNode("second", s.bareArm(), "--platform", "linux/arm64")
	dir, to := s.ownSteps(), "type=registry,mode=max,ref="+s.cache
	made := s.builds("made", twoPlatforms, "--cache-to", to, dir)
	s.equal("the shares", s.shares(), []string{"first", "second"})

	s.fresh()
	r := s.mustBuild("--platform", twoPlatforms, "--push", "-t", s.repo+":again", "--cache-from", s.cache, dir)
	s.equal("what two fresh nodes made", s.chanceOf("again", twoPlatforms), made)
	s.lacks("the build", r.err, "warning:")

	peer := "e2e-" + random()
	s.peer("create", "--name", peer, "--driver", "docker-container", "--driver-opt", "network=host")
	s.Cleanup(func() { s.peer("rm", "-f", peer) })
	s.peer("build", "--builder", peer, "--platform", twoPlatforms, "--push", "-t", s.repo+":peer", "--cache-from", s.cache, dir)
	s.equal("what buildx made on one fresh builder", s.chanceOf("peer", twoPlatforms), made)

	// One node exports another build, and the other's share stays.
	other := s.ownSteps()
	own := s.builds("own", "linux/amd64", "--cache-from", s.cache, "--cache-to", to, other)
	s.equal("the shares after one node's export", s.shares(), []string{"first", "second"})
	s.fresh()
	s.equal("what a fresh node made of the replaced share", s.builds("own2", "linux/amd64", "--cache-from", s.cache, other), own)
	s.equal("what a fresh node made of the other share", s.builds("arm", "linux/arm64", "--cache-from", s.cache, dir), made[1:])
}

func TestTwoBuildsThatExportAtOnceLoseNothing(t *testing.T) {
	s := besideOn(t).shared()
	var running []*process
	var dirs, builders []string
	for _, name := range []string{"one", "two"} { // of builders whose nodes have other names
		s.farm()
		s.remoteNode(name, s.bareUnix(), "--platform", "linux/amd64")
		s.remoteNode(name+"-arm", s.bareArm(), "--platform", "linux/arm64")
		dirs, builders = append(dirs, s.chances()), append(builders, s.builder)
	}
	for k, dir := range dirs {
		s.builder = builders[k]
		running = append(running, s.start(call{args: s.buildArgs("--platform", twoPlatforms, "--push", "-t", s.repo+":"+string(rune('a'+k)),
			"--cache-to", "type=registry,mode=max,ref="+s.cache, dir)}))
	}
	for _, p := range running {
		if r := p.wait(); r.code != 0 {
			s.Fatalf("status %d\n%s", r.code, r.err)
		}
	}
	s.equal("the shares", s.shares(), []string{"one", "one-arm", "two", "two-arm"})
	s.fresh()
	for k, dir := range dirs {
		made := s.chanceOf(string(rune('a'+k)), twoPlatforms)
		s.equal("what fresh nodes made", s.builds("again", twoPlatforms, "--cache-from", s.cache, dir), made)
	}
}

func TestAFoldersCacheHasWhatEveryNodeMade(t *testing.T) {
	s := besideOn(t).shared()
	s.remoteNode("first", s.bareUnix(), "--platform", "linux/amd64")
	s.remoteNode("second", s.bareArm(), "--platform", "linux/arm64")
	folder := filepath.Join(t.TempDir(), "cache")
	from, to := "type=local,src="+folder, "type=local,mode=max,reset=true,dest="+folder
	dir := s.ownSteps()
	made := s.builds("made", twoPlatforms, "--cache-to", to, dir)

	s.fresh()
	r := s.mustBuild("--platform", twoPlatforms, "--push", "-t", s.repo+":again", "--cache-from", from, dir)
	s.equal("what two fresh nodes made", s.chanceOf("again", twoPlatforms), made)
	s.lacks("the build", r.err, "warning:")
	peer := "e2e-" + random()
	s.peer("create", "--name", peer, "--driver", "docker-container", "--driver-opt", "network=host")
	s.Cleanup(func() { s.peer("rm", "-f", peer) })
	s.peer("build", "--builder", peer, "--platform", twoPlatforms, "--push", "-t", s.repo+":peer", "--cache-from", from, dir)
	s.equal("what buildx made on one fresh builder", s.chanceOf("peer", twoPlatforms), made)

	// Two builds export at once, one of them with one node.
	other, third := s.ownSteps(), s.ownSteps()
	amd := s.start(call{args: s.buildArgs("--platform", "linux/amd64", "--push", "-t", s.repo+":own", "--cache-to", to, other)})
	arm := s.start(call{args: s.buildArgs("--platform", "linux/arm64", "--push", "-t", s.repo+":own-arm", "--cache-to", to, third)})
	for _, p := range []*process{amd, arm} {
		if r := p.wait(); r.code != 0 {
			s.Fatalf("status %d\n%s", r.code, r.err)
		}
	}
	own := append(s.chanceOf("own", "linux/amd64"), s.chanceOf("own-arm", "linux/arm64")...)
	s.fresh()
	s.equal("what a fresh node made of a share", s.builds("own2", "linux/amd64", "--cache-from", from, other), own[:1])
	s.equal("what a fresh node made of the other", s.builds("own2-arm", "linux/arm64", "--cache-from", from, third), own[1:])
	left, err := filepath.Glob(filepath.Join(folder, ".docker-multiarch-stage-*"))
	s.check(err)
	s.equal("what is left of the exports", joined(left), "[]")

	// Only what is named stays: a cache that is cleaned is as large as one that was exported once.
	s.mustBuild("--platform", twoPlatforms, "--push", "-t", s.repo+":last", "--cache-to", to, dir)
	size := s.blobsIn(folder)
	s.mustBuild("--platform", twoPlatforms, "--push", "-t", s.repo+":last", "--cache-to", to, s.ownSteps())
	s.equal("the blobs of a cleaned cache", s.blobsIn(folder), size)
}

// blobsIn counts the blobs of a layout.
func (s *story) blobsIn(folder string) int {
	s.Helper()
	blobs, err := os.ReadDir(filepath.Join(folder, "blobs", "sha256"))
	s.check(err)
	return len(blobs)
}

func TestACacheReplacesNoImage(t *testing.T) {
	s := besideOn(t).shared()
	s.remoteNode("first", s.bareUnix(), "--platform", "linux/amd64")
	s.remoteNode("second", s.bareArm(), "--platform", "linux/arm64")
	dir := s.dockerfile("FROM scratch", "COPY Dockerfile /")
	s.mustBuild("--platform", twoPlatforms, "--push", "-t", s.cache, dir)
	name, tag, _ := strings.Cut(strings.TrimPrefix(s.cache, s.registry), ":")
	before := s.remote(s.registry+name, tag).digest
	r := s.build("--platform", twoPlatforms, "--push", "-t", s.repo, "--cache-to", s.cache, s.chances())
	s.refused(r, 1, s.cache+" is an image", "a tag of its own")
	s.equal("the image", s.remote(s.registry+name, tag).digest, before)
	s.equal("the tags beside it", s.tagsOf(s.registry+name), "["+tag+"]")
}

func TestFromAServiceEachNodeImportsTheCachesOfAll(t *testing.T) {
	s := besideOn(t).shared()
	s.remoteNode("first", s.bareUnix(), "--platform", "linux/amd64")
	s.remoteNode("second", s.bareArm(), "--platform", "linux/arm64")
	cache, dir := "type=s3,region=us-east-1,bucket=cache,name=app,use_path_style=true,mode=max,endpoint_url=http://"+s.bucket(), s.ownSteps()
	build := func(tag, flag string) []string {
		s.mustRun(call{args: s.buildArgs("--platform", twoPlatforms, "--push", "-t", s.repo+":"+tag, flag, cache, dir), env: awsKeys})
		return s.chanceOf(tag, twoPlatforms)
	}
	made := build("made", "--cache-to")
	s.fresh()
	s.equal("what two fresh nodes made", build("again", "--cache-from"), made)
}

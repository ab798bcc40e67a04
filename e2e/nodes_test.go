//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

// pair is a builder of two nodes of different kinds, the second one for linux/arm64.
type pair struct {
	what   string
	engine string // variable of the story's engine
	nodes  func(*story)
}

var pairs = []pair{
	{"a container and a remote BuildKit by mTLS", "MULTIARCH_E2E_CLASSIC", func(s *story) {
		s.containerNode("first", "near", "--platform", "linux/amd64")
		s.remoteNode("second", s.bareArm(), "--platform", "linux/arm64")
	}},
	{"a container on an engine by TLS and one on an engine by SSH", "MULTIARCH_E2E_CONTAINERD", func(s *story) {
		s.containerNode("first", "secure", "--platform", "linux/amd64")
		s.containerNode("second", "far", "--platform", "linux/arm64")
	}},
	{"a remote BuildKit on a socket and a container", "MULTIARCH_E2E_CONTAINERD", func(s *story) {
		s.remoteNode("first", s.bareUnix(), "--platform", "linux/amd64")
		s.containerNode("second", "near", "--platform", "linux/arm64")
	}},
}

func TestTwoNodesOfDifferentKindsDoWhatOneDoes(t *testing.T) {
	t.Parallel()
	for _, p := range pairs {
		t.Run(p.what, func(t *testing.T) {
			t.Parallel()
			s := newStory(t, p.engine)
			s.contexts()
			s.farm()
			p.nodes(s)
			t.Run("one image in every form", func(t *testing.T) { s.in(t).imageInEveryForm() })
			t.Run("a shared layer and attestations", func(t *testing.T) { s.in(t).sharedLayerOnNodes() })
			t.Run("a platform that fails", func(t *testing.T) { s.in(t).failsOnOneNode() })
			t.Run("Ctrl-C", func(t *testing.T) { s.in(t).interruptedOnNodes() })
		})
	}
}

// nodesOf returns the platforms and nodes of a metadata file, in the order of its platforms.
func (s *story) nodesOf(file string) string {
	s.Helper()
	var m builtOn
	s.check(json.Unmarshal([]byte(s.read(file)), &m))
	var all []string
	for _, p := range m.Multiarch.Platforms {
		all = append(all, p.Platform+" on "+p.Node)
	}
	return strings.Join(all, ", ")
}

const eachOnItsOwn = "linux/amd64 on first, linux/arm64 on second"

func (s *story) imageInEveryForm() {
	repo := s.repo()
	s.Cleanup(func() { s.docker("image", "rm", "-f", repo+":v1", repo+":v1-linux-arm64") })
	dir := s.folder(files{
		"file": random(),
		"Dockerfile": s.onBase("FROM --platform=$BUILDPLATFORM $BASE AS once", "COPY file /", "RUN head -c 16 /dev/urandom | base64 >/chance",
			"FROM $BASE", "COPY --from=once /file /chance /", "RUN uname -m >/machine", `CMD cat /machine`),
	})
	r := s.mustBuild("--platform", twoPlatforms, "--push", "--load", "-t", repo+":v1", "-o", "type=oci,dest=x.tar", "-o", "type=docker,dest=docker.tar",
		"-o", "type=tar,dest=files.tar", "-o", "out", "--metadata-file", "meta.json", "--report", "report.md", "--test", "cat /machine", dir)
	index := s.remote(repo, "v1")
	s.equal("the platforms", index.platforms(), two)
	for _, platform := range two {
		machine := unameOf[platform]
		s.equal("the image of "+platform, s.fileOf(repo, "v1", platform, "machine"), machine)
		s.equal("the folder of "+platform, s.read(filepath.Join("out", strings.ReplaceAll(platform, "/", "_"), "machine")), machine+"\n")
		s.equal("the loaded image of "+platform, s.mustDocker(append([]string{"run", "--rm", "--pull", "never"}, s.loadedName(repo+":v1", platform)...)...), machine)
	}
	s.equal("the archive", digestOf(s.skopeo("inspect", "--raw", "oci-archive:"+filepath.Join(s.dir, "x.tar")+":v1")), index.digest)
	all := files{}
	archive, err := os.Open(filepath.Join(s.dir, "files.tar"))
	s.check(err)
	defer archive.Close()
	s.check(untar(archive, all))
	s.equal("the archive of files", strings.TrimSpace(all["linux_arm64/machine"]), "aarch64")
	s.equal("the nodes in the metadata", s.nodesOf("meta.json"), eachOnItsOwn)
	var m builtOn
	s.check(json.Unmarshal([]byte(s.read("meta.json")), &m))
	for i, child := range index.Manifests {
		s.equal("the manifest of "+child.platform()+" in the metadata", m.Multiarch.Platforms[i].Manifest, child.Digest)
	}
	s.contains("the report", s.read("report.md"), "first", "second", index.digest, "1 passed")
	s.contains("the table", r.err, "NODE", "first", "second")
	s.mustDocker("load", "-q", "-i", filepath.Join(s.dir, "docker.tar"))
	again := s.mustBuild("--platform", twoPlatforms, "--push", "--load", "-t", repo+":v1", dir)
	s.contains("a second time", again.err, "(unchanged)")
	s.equal("the digest a second time", s.remote(repo, "v1").digest, index.digest)
}

func (s *story) sharedLayerOnNodes() {
	const size = 8 << 20
	line := &faultregistry.Line{Next: s.backend(), Rate: size} // a second for the layer, so that uploads would overlap
	repo := s.serve(line) + "/e2e/" + random()
	s.mustBuild("--platform", twoPlatforms, "--provenance=mode=max", "--push", "-t", repo, s.folder(files{
		"Dockerfile": "FROM scratch\nARG TARGETARCH\nCOPY shared /\nCOPY $TARGETARCH /own\n", "shared": noise(size), "amd64": noise(1000), "arm64": noise(1000),
	}))
	if _, bytes := line.Traffic(); bytes < size || bytes > size+size/8 {
		s.Errorf("%d bytes were sent; the shared layer has %d", bytes, size)
	}
	repo = s.behind(repo)
	s.equal("the entries", s.remote(repo, "latest").platforms(), append(slices.Clone(two), "unknown/unknown", "unknown/unknown"))
	s.mustDocker("multiarch", "verify", repo)
	s.contains("the provenance", s.peer("imagetools", "inspect", repo, "--format", "{{json .Provenance}}"), "linux/arm64", "buildType")
}

func (s *story) failsOnOneNode() {
	repo := s.repo()
	s.mustBuild("--platform", twoPlatforms, "--push", "-t", repo+":v1", s.dockerfile("FROM scratch", "COPY Dockerfile /"))
	before := s.remote(repo, "v1").digest
	fails := s.dockerfile("FROM $BASE", "ARG TARGETARCH", "RUN [ $TARGETARCH = amd64 ] && echo yes >/done")
	r := s.build("--platform", twoPlatforms, "--push", "-t", repo+":v1", "--retry", "1", "-o", "failed", fails)
	s.equal("the status", r.code, 1)
	s.contains("the end", r.err, "linux/arm64", "No tag was moved")
	s.equal("the tag", s.remote(repo, "v1").digest, before)
	_, err := os.Stat(filepath.Join(s.dir, "failed"))
	s.equal("whether a folder was written", err == nil, false)

	r = s.build("--platform", twoPlatforms, "--allow-partial", "linux/arm64", "--push", "-t", repo+":v2", "--metadata-file", "meta.json", fails)
	s.equal("the status of a build that may be partial", r.code, 3)
	s.equal("its platforms", s.remote(repo, "v2").platforms(), []string{"linux/amd64"})
	s.equal("its nodes", s.nodesOf("meta.json"), eachOnItsOwn)

	wrong := s.dockerfile("FROM scratch", "COPY static/linux/amd64 /app", `ENTRYPOINT ["/app"]`) + "/Dockerfile"
	r = s.build("--platform", twoPlatforms, "--push", "-t", repo+":v3", "-f", wrong, s.fixtures())
	s.equal("the status of a wrong program", r.code, 1)
	s.contains("what is found", r.err, "entrypoint-machine", "linux/arm64")
	s.equal("whether its tag is there", s.exists(repo, "v3"), false)

	r = s.build("--platform", twoPlatforms, "--push", "-t", repo+":v4", "--test", "sh -c '[ $(uname -m) = x86_64 ]'", s.machines())
	s.equal("the status of a test that fails on one", r.code, 1)
	s.contains("the table", r.err, "1 passed", "1 failed")
	s.equal("whether its tag is there", s.exists(repo, "v4"), false)
}

func (s *story) interruptedOnNodes() {
	repo, seconds := s.repo(), fmt.Sprint(1_000_000+rand.IntN(1_000_000))
	build := s.start(call{args: s.buildArgs("--platform", twoPlatforms, "--push", "-t", repo, s.dockerfile("FROM $BASE", "RUN exec sleep "+seconds))})
	s.eventually("the steps run", func() bool { return running("sleep\x00"+seconds) == 2 || !build.left() })
	build.signal(syscall.SIGINT)
	s.equal("the status", build.wait().code, 130)
	s.eventually("no step is left", func() bool { return running("sleep\x00"+seconds) == 0 })
	s.eventually("no plugin is left", func() bool { return len(pluginsOf(s.builder)) == 0 })
	s.equal("whether the tag is there", s.exists(repo, "latest"), false)
	s.equal("the temporary files", s.entries(s.tmp), "[]")
}

// running counts the processes of this machine, containers' too, that have the words in their arguments.
func running(words string) (n int) {
	found, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range found {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), words) {
			n++
		}
	}
	return n
}

//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

// bigLayer is how many bytes the layer of a big image has, which cannot be compressed.
const bigLayer = 50 << 20

// big is a context whose image has one big layer, that nobody has yet.
func (s *story) bigContext() string {
	return s.dockerfile("FROM scratch AS made", "FROM $BASE AS make", "ARG MARK="+random(), "RUN head -c 52428800 /dev/urandom >/big", "FROM made", "COPY --from=make /big /big")
}

// farNode makes the story's builder a node behind a proxy that is as fast as a good line.
func (s *story) farNode() *testenv.Far {
	s.Helper()
	far := s.far(&testenv.Far{To: s.bareUnix().Address(), Rate: 20e6})
	s.farm()
	s.node("far", append(remoteDriver(), far.Address())...)
	return far
}

// crossed runs something, and returns how many bytes came to the client and how many went from it meanwhile.
func crossed(far *testenv.Far, run func()) (in, out int64) {
	in, out = far.ToClient(), far.ToServer()
	run()
	return far.ToClient() - in, far.ToServer() - out
}

func (s *story) atMost(what string, got, most int64) {
	s.Helper()
	if got > most {
		s.Errorf("%s: %d bytes, want at most %d", what, got, most)
	}
}

func TestAPushGoesFromTheNodeToTheRegistry(t *testing.T) {
	s := besideOn(t)
	far, repo := s.farNode(), s.repo()
	in, out := crossed(far, func() { s.mustBuild("--push", "-t", repo+":big", s.bigContext()) })
	s.atMost("what came to the client", in, 1<<20)
	s.atMost("what went to the node", out, 1<<20)
	_, body := s.get(repo, "manifests/big")
	var m struct{ Layers []struct{ Size int64 } }
	s.check(json.Unmarshal(body, &m))
	if len(m.Layers) != 1 || m.Layers[0].Size < bigLayer {
		s.Errorf("the registry has %s", body)
	}
}

func TestAnArchiveCrossesOnceAlsoIfTheConnectionBreaks(t *testing.T) {
	s := besideOn(t)
	far := s.farNode()
	dir := s.bigContext()
	s.mustBuild("-o", "type=cacheonly", dir)
	const slack = 2 << 20 // the rest of the build, and a chunk of the blob
	for _, breaks := range []bool{false, true} {
		began := far.ToClient()
		p := s.start(call{args: s.buildArgs("--verify=off", "--progress="+map[bool]string{true: "plain", false: "rawjson"}[breaks], "-t", "app:1", "-o", "type=oci,dest=app.tar", "-o", "type=docker,dest=docker.tar",
			"-o", "type=oci,tar=false,dest=folder", dir)})
		if breaks {
			s.eventually("half of the layer has crossed", func() bool { return far.ToClient()-began > bigLayer/2 })
			far.Break()
		}
		r := p.wait()
		if r.code != 0 {
			s.Fatalf("status %d\n%s", r.code, r.err)
		}
		t.Logf("broken: %t, %d bytes crossed in %s", breaks, far.ToClient()-began, r.took)
		s.atMost("what crossed", far.ToClient()-began, bigLayer+slack)
		s.contains("the progress", r.err, map[bool]string{true: "/ 52.44MB", false: `"total":52`}[breaks])
		index := s.skopeo("inspect", "--raw", "oci-archive:app.tar")
		s.equal("the image in the folder", s.skopeo("inspect", "--raw", "oci:folder:1"), index)
		s.skopeo("copy", "docker-archive:docker.tar", "dir:copied-"+random())
		s.check(os.RemoveAll(filepath.Join(s.dir, "folder")))
	}
}

// farEngine puts a proxy between the story and its engine, of which the story's builder is a container.
func (s *story) farEngine() *testenv.Far {
	s.Helper()
	far := s.far(&testenv.Far{To: s.host})
	s.env = append(s.env, "DOCKER_HOST="+far.Address())
	return far
}

// sshEngine is farEngine through ssh.
func (s *story) sshEngine() *testenv.Far {
	s.Helper()
	far := s.far(&testenv.Far{To: s.sshServer()})
	s.env = append(s.env, "DOCKER_HOST="+far.SSH()+strings.TrimPrefix(s.host, "unix://"), "PATH="+need(s.T, "MULTIARCH_E2E_SSH")+":"+os.Getenv("PATH"))
	return far
}

// bigForTwo is a context whose images for two platforms share a big layer that nobody has yet, and have a file with their architecture.
func (s *story) bigForTwo() string {
	return s.dockerfile("FROM scratch AS made", "FROM --platform=$BUILDPLATFORM $BASE AS make", "ARG MARK="+random(), "RUN head -c 52428800 /dev/urandom >/big",
		"FROM --platform=$BUILDPLATFORM make AS arch", "ARG TARGETARCH", "RUN echo $TARGETARCH >/arch", "FROM made", "COPY --from=make /big /", "COPY --from=arch /arch /")
}

// passing are what a load has on an engine for its time: names of images, and containers.
func (s *story) passing() string {
	s.Helper()
	names := s.mustDocker("image", "ls", "--digests", "--filter", "reference=127.0.0.1:*/*", "--format", "{{.Repository}}@{{.Digest}}")
	return names + s.mustDocker("ps", "-aq", "--filter", "name=docker-multiarch-run-")
}

func TestALoadIntoTheEngineBesideTheBuilderDoesNotCrossTheClient(t *testing.T) {
	for way, engine := range map[string]func(*story) *testenv.Far{"tcp": (*story).farEngine, "ssh": (*story).sshEngine} {
		t.Run(way, func(t *testing.T) { loadsBeside(t, engine) })
	}
}

func loadsBeside(t *testing.T, engine func(*story) *testenv.Far) {
	onEachEngineAlone(t, func(s *story) {
		far := engine(s)
		dir, name, other := s.bigForTwo(), s.engineName(), s.engineName()
		load := func(name string) func() {
			return func() {
				r := s.mustBuild("--platform", twoPlatforms, "--verify=off", "--load", "-t", name, dir)
				s.lacks("the build", r.err, "through this machine")
			}
		}
		opened := far.Opened()
		in, out := crossed(far, load(name))
		s.Logf("%d bytes came, %d went, over %d connections", in, out, far.Opened()-opened)
		s.atMost("what came to the client", in, 1<<20)
		s.atMost("what went to the engine", out, 1<<20)
		for platform, arch := range map[string]string{"linux/amd64": "amd64", "linux/arm64": "arm64"} {
			id := strings.TrimSpace(s.mustDocker(append(append([]string{"create"}, s.loadedName(name, platform)...), "/none")...))
			s.mustDocker("cp", id+":/arch", "arch-"+arch)
			s.equal("the file of "+platform, s.read("arch-"+arch), arch+"\n")
			s.mustDocker("rm", id)
		}
		s.equal("what is left of it", s.passing(), "")
		in, out = crossed(far, load(other))
		s.atMost("what came of an image that the engine has", in, 200<<10)
		s.atMost("what went of it", out, 200<<10)
	})
}

func TestALoadThatFailsOrIsKilledLeavesNothingOnTheEngine(t *testing.T) {
	onEachEngineAlone(t, func(s *story) {
		s.farEngine()
		images := func() string {
			lines := strings.Split(s.mustDocker("image", "ls", "--all", "--no-trunc", "--digests", "--format", "{{.Repository}}:{{.Tag}} {{.Digest}} {{.ID}}"), "\n")
			slices.Sort(lines) // the engine's order changes
			return strings.Join(lines, "\n")
		}
		s.mustBuild("--platform", "linux/amd64", "-o", "type=cacheonly", "--verify=off", s.bigForTwo()) // makes the builder
		faults, host := s.front()
		faults.Add(faultregistry.Fault{Match: faultregistry.TagPut, Do: faultregistry.Answer(403, "DENIED", "that tag is not yours")})
		before := images()
		r := s.build("--platform", twoPlatforms, "--verify=off", "--push", "--load", "-t", host+"/e2e/"+random(), s.bigForTwo())
		s.equal("the status", r.code, 4)
		s.equal("the images after a tag that was refused", images(), before)
		s.equal("what is left of it", s.passing(), "")

		p := s.start(call{args: s.buildArgs("--platform", twoPlatforms, "--verify=off", "--load", "-t", s.engineName(), s.bigForTwo())})
		s.eventually("the engine fetches the image", func() bool {
			return strings.Contains(s.mustDocker("ps", "--format", "{{.Names}}"), "docker-multiarch-run-")
		})
		p.signal(syscall.SIGKILL)
		p.wait()
		s.eventually("the next commands have removed what was left", func() bool {
			s.mustDocker("multiarch", "builder", "inspect", s.builder)
			return s.passing() == "" && images() == before
		})
	})
}

func TestALoadFromANodeElsewhereCrossesAndSaysSo(t *testing.T) {
	s := besideOn(t)
	s.farEngine()
	s.farm()
	s.remoteNode("elsewhere", s.bareUnix())
	r := s.mustBuild("--verify=off", "--load", "-t", s.engineName(), s.bigContext())
	s.contains("the build", r.err, "the layers of linux/amd64 go through this machine, since the engine is not beside the node")
}

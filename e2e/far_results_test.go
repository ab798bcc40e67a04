//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
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
	in, out := crossed(far, func() { s.mustBuild("--push", "--verify=off", "-t", repo+":big", s.bigContext()) })
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

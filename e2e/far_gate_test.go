//go:build e2e

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/e2e/golang"
	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// most is what the examination of an image may cost the connection to a node that is not near, in bytes.
const most = 1 << 20

// wire counts what crosses the connections to a node, and what a registry sends of what a build pushes to it: to the client, since the node
// fetches nothing from there.
type wire struct {
	node    *testenv.Far
	fetched atomic.Int64
}

// crossing has how many bytes went to the node, came from it, and came from the registry.
type crossing struct{ to, from, fetched int64 }

func (b crossing) String() string {
	return fmt.Sprintf("%d bytes to the node, %d bytes from it, %d from the registry", b.to, b.from, b.fetched)
}

// during counts while something runs.
func (w *wire) during(run func()) crossing {
	before := w.fetched.Load()
	in, out := crossed(w.node, run)
	return crossing{to: out, from: in, fetched: w.fetched.Load() - before}
}

// registry is the environment's registry under another name, which counts.
func (w *wire) registry(s *story) (host string) {
	s.Helper()
	backend := s.backend()
	return s.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			rw = counted{rw, &w.fetched}
		}
		backend.ServeHTTP(rw, r)
	}))
}

// counted counts the bytes of an answer.
type counted struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c counted) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return c.ResponseWriter.Write(p)
}

// nearAndFar gives the story two views of one node, each with a home of its own: on its socket, and through a proxy on TCP that counts.
func (s *story) nearAndFar(d *testenv.Daemon) (near, far *story, w *wire) {
	s.Helper()
	w = &wire{node: s.far(&testenv.Far{To: d.Address()})}
	view := func(address string) *story {
		v := *s
		v.newHome()
		v.ownBuilder()
		v.nodes = 0
		v.node("node", append(remoteDriver(), address)...)
		return &v
	}
	return view(d.Address()), view(w.node.Address()), w
}

// snapshotters are the ways in which a node keeps files, with the size in MiB of an image to examine on it.
var snapshotters = []struct {
	name string
	set  func(*testenv.Daemon)
	size int
}{
	{"with snapshots that are copies", func(*testenv.Daemon) {}, 500},
	{"with snapshots that share files", func(d *testenv.Daemon) { d.Overlay = true }, 50},
}

// A build that has changed 150 of 500 MiB, on a node that is not near, costs the connection a listing.
func TestAFarNodeListsTheFilesThatAreExamined(t *testing.T) {
	t.Parallel()
	for _, kind := range snapshotters {
		t.Run(kind.name, func(t *testing.T) {
			s := newStory(t, "MULTIARCH_E2E_CONTAINERD")
			_, far, w := s.nearAndFar(s.ownNode(kind.set))
			mib := func(percent int) string { return strconv.Itoa(kind.size * percent << 20 / 100) }
			context := s.folder(files{"Dockerfile": strings.Join([]string{
				"ARG BASE", "FROM $BASE", "RUN head -c " + mib(70) + " /dev/urandom >/old", "ARG MARK",
				"RUN head -c " + mib(29) + " /dev/urandom >/new && mkdir /tools && for n in 1 2 3 4; do cp /bin/busybox /tools/$n; done && echo $MARK >/mark", `CMD ["/tools/1", "true"]`,
			}, "\n")})
			repo := w.registry(s) + "/e2e/" + random()
			build := func(mark string, words ...string) (b crossing) {
				b = w.during(func() {
					far.mustBuild(append(append([]string{"--push", "-t", repo, "--build-arg", "BASE=" + s.base, "--build-arg", "MARK=" + mark, "--metadata-file", "meta"}, words...), context)...)
				})
				s.Logf("%q %q: %s", mark, words, b)
				return b
			}
			files := func() int {
				var m metadata
				s.check(json.Unmarshal([]byte(far.read("meta")), &m))
				return m.Multiarch.Platforms[0].Verify.Files
			}
			first := build("first")
			s.equal("the executables", files(), 4)
			s.atMost("what the client got first", first.from+first.fetched, most)
			s.atMost("what the node got first", first.to, most)
			changed := build("changed")
			s.equal("the executables", files(), 4)
			s.atMost("a change of a third of the image", changed.to+changed.from+changed.fetched, most)
			again := build("changed")
			s.atMost("what the client got without a change", again.from+again.fetched, changed.from+changed.fetched)
			build("off", "--verify=off")
			r := far.build("--push", "-t", repo, "--platform", "linux/arm64", "-f", s.dockerfile("FROM scratch", "COPY static/linux/amd64 /app", `CMD ["/app"]`)+"/Dockerfile", s.fixtures())
			s.equal("the status of a wrong program", r.code, 1)
		})
	}
}

// A base image that a node has not needed is not fetched for the examination of what was linked on top of it.
func TestAFarNodeListsLayersOnABaseImageThatItDoesNotHave(t *testing.T) {
	t.Parallel()
	for _, kind := range snapshotters {
		t.Run(kind.name, func(t *testing.T) {
			s := newStory(t, "MULTIARCH_E2E_CONTAINERD")
			node := s.ownNode(kind.set)
			_, far, w := s.nearAndFar(node)
			program, err := os.ReadFile(filepath.Join(s.fixtures(), "static", "linux", "amd64"))
			s.check(err)
			context := s.folder(files{"Dockerfile": s.onBase("FROM $BASE", "COPY --link app data /srv/", `CMD ["/srv/app"]`), "app": string(program), "data": noise(20 << 20)})
			b := w.during(func() { far.mustBuild("--push", "-t", s.repo(), "--metadata-file", "meta", context) })
			s.Logf("%s", b)
			s.atMost("what came from the node", b.from, most)
			var m metadata
			s.check(json.Unmarshal([]byte(far.read("meta")), &m))
			s.equal("the executables", m.Multiarch.Platforms[0].Verify.Files, 1)
			blobs, err := filepath.Glob(filepath.Join(node.Dir, "root", "*", "content", "blobs", "sha256", "*"))
			s.check(err)
			large := 0
			for _, name := range blobs {
				if info, err := os.Stat(name); err == nil && info.Size() > 1<<20 {
					large++
				}
			}
			s.equal("the large blobs on the node: the layer of this build", large, 1)
		})
	}
}

// A node that runs no steps, since its runtime fails, has its layers read.
func TestAFarNodeThatCannotListHasItsLayersRead(t *testing.T) {
	t.Parallel()
	s := newStory(t, "MULTIARCH_E2E_CONTAINERD")
	runtime := s.folder(files{"buildkit-runc": "#!/bin/sh\necho no steps here >&2\nexit 1\n"})
	s.check(os.Chmod(filepath.Join(runtime, "buildkit-runc"), 0o755))
	near, far, w := s.nearAndFar(s.ownNode(func(d *testenv.Daemon) { d.Path = runtime }))
	dockerfile := s.dockerfile("FROM scratch", "COPY static/linux/amd64 /app", `CMD ["/app"]`) + "/Dockerfile"
	build := func(s *story, platforms string) result {
		return s.build("--platform", platforms, "--push", "-t", w.registry(s)+"/e2e/"+random(), "-f", dockerfile, s.fixtures())
	}
	for _, platforms := range []string{"linux/amd64", twoPlatforms} {
		want, got := build(near, platforms), build(far, platforms)
		s.equal("the status for "+platforms, got.code, want.code)
		s.equal("what is said for "+platforms, verdict(got), verdict(want))
		if platforms == "linux/amd64" { // its layer is known afterwards
			s.contains("the note", got.err, "the node does not list the files of its layers, so they are read through the connection to examine the executables: ")
		}
	}
}

// The files of base images that decide where a stage compiles are few, and so are the bytes that cross the connection.
func TestABaseImageOnAFarNodeIsLookedAtThere(t *testing.T) {
	t.Parallel()
	s := newStory(t, "MULTIARCH_E2E_CONTAINERD")
	toolchain := s.golang(golang.Bare) // a plan compiles nothing
	_, far, w := s.nearAndFar(s.ownNode(func(*testenv.Daemon) {}))
	for _, c := range crossCases(t) {
		if !strings.Contains(c.text, "$PRIMED") || len(c.moved) == 0 {
			continue
		}
		var r result
		b := w.during(func() {
			words := []string{"multiarch", "plan", "--builder", far.builder, "--platform", "linux/arm64", "--build-arg", "PRIMED=" + toolchain}
			if strings.Contains(c.text, "ARG BASE\n") {
				words = append(words, "--build-arg", "BASE="+s.base)
			}
			r = far.docker(append(words, c.dir)...)
		})
		s.equal("the status", r.code, 0)
		s.contains("the plan", r.out+r.err, "cross")
		s.Logf("%s: %s", c.name, b)
		s.atMost("the plan of "+c.name, b.to+b.from, most)
	}
}

// verdict is the part of what a build says that is about the executables.
func verdict(r result) string {
	var lines []string
	for line := range strings.Lines(r.err) {
		if slices.ContainsFunc([]string{"error ", "warning ", "note "}, func(severity string) bool { return strings.HasPrefix(line, severity) }) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// The way to the node does not matter for what is said of an image.
func TestAFarNodesImagesAreJudgedAsThoseOfANearOne(t *testing.T) {
	t.Parallel()
	for _, kind := range snapshotters {
		t.Run(kind.name, func(t *testing.T) {
			s := newStory(t, "MULTIARCH_E2E_CONTAINERD")
			near, far, w := s.nearAndFar(s.ownNode(kind.set))
			s.emulatesArm()
			host := w.registry(s)
			for _, c := range slices.Concat(gateCases(t, "wrong"), gateCases(t, "lawful")) {
				t.Run(c.name, func(t *testing.T) {
					n, f, repo := near.in(t), far.in(t), host+"/e2e/"+random()
					want := n.build(c.words(n, "--push", "-t", repo, "--metadata-file", "meta")...)
					var got result
					b := w.during(func() { got = f.build(c.words(f, "--push", "-t", repo, "--metadata-file", "meta")...) })
					n.equal("the status", got.code, want.code)
					n.equal("what is said", verdict(got), verdict(want))
					if want.code != 0 && len(c.findings) > 0 && verdict(want) == "" {
						n.Errorf("nothing is said of a wrong image:\n%s", want.err)
					}
					n.equal("the findings", findingsIn(f), findingsIn(n))
					n.atMost("what came from the node", b.from, most) // a layer of the base image comes from the registry
				})
			}
		})
	}
}

// findingsIn are the findings in the metadata file of a story; "" if there is no file.
func findingsIn(s *story) string {
	s.Helper()
	var m struct {
		Multiarch struct {
			Platforms []struct{ Verify json.RawMessage }
		}
	}
	data, err := os.ReadFile(filepath.Join(s.dir, "meta"))
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	s.check(err)
	s.check(os.Remove(filepath.Join(s.dir, "meta")))
	s.check(json.Unmarshal(data, &m))
	return fmt.Sprintf("%s", m.Multiarch.Platforms)
}

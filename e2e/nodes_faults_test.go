//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// mortal is a builder whose second node is the story's own.
func (s *story) mortal() *testenv.Daemon {
	s.Helper()
	s.farm()
	own := s.ownNode(func(d *testenv.Daemon) { s.beArm(d); s.beTCP(d) })
	s.remoteNode("first", s.bareUnix(), "--platform", "linux/amd64")
	s.remoteNode("second", own, "--platform", "linux/arm64")
	return own
}

// dies starts a build and does something to the second node when the step for linux/arm64 runs there, which waits for it.
func (s *story) dies(do func(*testenv.Daemon), flags ...string) (repo string, r result, since time.Duration) {
	s.Helper()
	own := s.mortal()
	repo = s.repo()
	seconds := fmt.Sprint(1_000_000 + rand.IntN(1_000_000))
	// On the other node the step has an end.
	dir := s.dockerfile("FROM $BASE", "RUN grep -q '"+own.Dir+"' /proc/self/mountinfo && [ $(uname -m) = aarch64 ] && exec sleep "+seconds+"; uname -m >/machine")
	build := s.start(call{args: s.buildArgs(append(flags, "--platform", twoPlatforms, "--push", "-t", repo, "--metadata-file", "meta.json", dir)...)})
	s.eventually("the step runs", func() bool { return running("sleep\x00"+seconds) > 0 || !build.left() })
	began := time.Now()
	do(own)
	r = build.wait()
	s.Cleanup(func() { s.ends("sleep\x00" + seconds) })
	return repo, r, time.Since(began)
}

func (s *story) kills(d *testenv.Daemon) { s.check(d.Kill()) }

// ends ends what a killed node has left.
func (s *story) ends(words string) {
	found, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range found {
		var pid int
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), words) {
			if _, err := fmt.Sscanf(file, "/proc/%d/", &pid); err == nil {
				_ = syscall.Kill(pid, syscall.SIGKILL) // gone already, maybe
			}
		}
	}
}

// names checks that the error is about the second node and no other, and about its platform.
func (s *story) names(r result) {
	s.Helper()
	_, end, _ := strings.Cut(r.err, "No tag was moved")
	s.contains("the end", end, "second", "linux/arm64")
	s.lacks("the end", end, "first")
}

func TestANodeThatDiesDuringABuildFailsItsPlatformsByName(t *testing.T) {
	s := besideOn(t)
	repo, r, _ := s.dies(s.kills)
	s.equal("the status", r.code, 1)
	s.names(r)
	s.equal("whether the tag is there", s.exists(repo, "latest"), false)
}

func TestANodeThatDiesDuringABuildIsReplacedByOneThatMay(t *testing.T) {
	s := besideOn(t)
	repo, r, _ := s.dies(s.kills, "--fallback", "emulate")
	if r.code != 0 {
		s.Fatalf("status %d\n%s", r.code, r.err)
	}
	s.contains("what is said", r.err, "second", "first")
	s.equal("the nodes", s.nodesOf("meta.json"), "linux/amd64 on first, linux/arm64 on first")
	s.equal("the image", s.fileOf(repo, "latest", "linux/arm64", "machine"), "aarch64")
}

func TestAWedgedNodeEndsTheBuildByNameWithinThirtySeconds(t *testing.T) {
	s := besideOn(t)
	repo, r, since := s.dies(func(d *testenv.Daemon) { s.stops(d) })
	s.equal("the status", r.code, 1)
	if since > 35*time.Second { // 30, and what a busy machine takes
		s.Errorf("it took %s", since)
	}
	s.names(r)
	s.equal("whether the tag is there", s.exists(repo, "latest"), false)
}

func TestARestartedNodeIsAnErrorThatNamesIt(t *testing.T) {
	s := besideOn(t)
	repo, r, _ := s.dies(func(d *testenv.Daemon) {
		s.check(d.Kill())
		s.check(d.Start())
		s.check(d.Wait())
	})
	s.equal("the status", r.code, 1)
	s.names(r)
	s.equal("whether the tag is there", s.exists(repo, "latest"), false)
}

func TestUnchangedFilesAreNotSentAgainToAnyNode(t *testing.T) {
	s := besideOn(t)
	s.farm()
	var sent atomic.Int64
	own := s.ownNode(func(d *testenv.Daemon) { s.beTCP(d) })
	arm := s.ownNode(func(d *testenv.Daemon) { s.beArm(d); s.beTCP(d) })
	for name, d := range map[string]*testenv.Daemon{"first": own, "second": arm} {
		through := *s
		through.host = d.Address()
		host, _ := through.proxiedEngine(counter{&sent})
		s.node(name, append(remoteDriver(), "--platform", map[string]string{"first": "linux/amd64", "second": "linux/arm64"}[name], host)...)
	}
	dir := s.folder(files{"Dockerfile": "FROM scratch\nCOPY . /\n", "big": noise(8 << 20), "small": "1"})
	build := func() int64 {
		before := sent.Load()
		s.mustBuild("--platform", twoPlatforms, "--push", "-t", s.repo(), dir)
		return sent.Load() - before
	}
	if first := build(); first < 16<<20 || first > 18<<20 {
		s.Errorf("%d bytes were sent, of 8 MiB to each of two nodes", first)
	}
	s.write(filepath.Join(dir, "small"), "2")
	if again := build(); again > 2<<20 {
		s.Errorf("%d bytes were sent again", again)
	}
}

func TestANodeThatIsDeadIsShownAndTheOthersAtOnce(t *testing.T) {
	s := besideOn(t)
	dead := s.silent()
	s.remoteNode("first", s.bareUnix(), "--platform", "linux/amd64")
	s.node("second", append(remoteDriver(), "--platform", "linux/arm64", dead)...)
	for _, words := range [][]string{{"builder", "ls"}, {"builder", "inspect", s.builder}, {"doctor", "--builder", s.builder}, {"emulators", "status", "--builder", s.builder}} {
		r := s.docker(append([]string{"multiarch"}, words...)...)
		if r.took > 15*time.Second { // 5, and what a busy machine takes
			s.Errorf("%s took %s", joined(words), r.took)
		}
		s.contains(joined(words), r.out+r.err, "first", "second")
	}
	var row struct {
		Nodes []struct{ Name, Status string }
	}
	s.check(json.Unmarshal([]byte(s.mustDocker("multiarch", "builder", "inspect", "--format", "json", s.builder)), &row))
	s.equal("the living node", row.Nodes[0].Status, "running")
	if len(row.Nodes) != 2 || row.Nodes[1].Status == "running" {
		s.Errorf("the nodes are %+v", row.Nodes)
	}
	s.mustDocker("multiarch", "builder", "create", "--name", s.builder, "--leave", "--node", "second")
	s.lacks("the list", s.mustDocker("multiarch", "builder", "ls"), "second")
	s.contains("the cache", s.mustDocker("multiarch", "builder", "du", "--builder", s.builder), "Total:")
	last := s.docker("multiarch", "builder", "create", "--name", s.builder, "--leave", "--node", "first")
	s.refused(last, 1, "first", "builder rm "+s.builder)
	s.makes(s.bareUnix())
}

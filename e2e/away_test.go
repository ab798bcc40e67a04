//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

// away is a build on a node whose network is cut.
type away struct {
	*story
	far    *testenv.Far
	faults *faultregistry.Registry
	repo   string
	held   atomic.Int32  // the steps of linux/arm64 that were begun, each with the secret of the build
	open   chan struct{} // closed when they may end
	dir    string

	mu      sync.Mutex
	uploads []string // the digests of the blobs whose upload has come to its end
}

// away has a build of two platforms, of which the second one has a step that waits. Its node is behind a proxy, the registry is not.
func (s *story) away(far *testenv.Far) *away {
	s.Helper()
	s.emulatesArm()
	a := &away{story: s, far: far, open: make(chan struct{})}
	hold := s.serve(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !strings.HasSuffix(req.URL.Path, "/word") {
			http.NotFound(w, req) // the step fails
			return
		}
		a.held.Add(1)
		select {
		case <-a.open:
			_, _ = fmt.Fprintln(w, "done") // the step reads it, or has ended
		case <-req.Context().Done():
		}
	}))
	backend := s.backend()
	a.faults = faultregistry.New(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if d := req.URL.Query().Get("digest"); req.Method == http.MethodPut && d != "" {
			a.mu.Lock()
			a.uploads = append(a.uploads, d)
			a.mu.Unlock()
		}
		backend.ServeHTTP(w, req)
	}))
	a.repo = s.serve(a.faults) + "/e2e/" + random()
	a.dir = s.dockerfile("FROM $BASE", "ARG TARGETARCH", "RUN echo "+random()+" >/first",
		"RUN --mount=type=secret,id=word [ $TARGETARCH = amd64 ] || wget -O /second http://"+hold+"/$(cat /run/secrets/word)")
	return a
}

// bareAway has it on a bare node.
func bareAway(t *testing.T) *away {
	t.Helper()
	s := besideOn(t)
	far := s.far(&testenv.Far{To: s.ownNode(s.beTCP).Address(), Delay: 10 * time.Millisecond, Rate: 20e6})
	s.node("far", append(remoteDriver(), far.Address())...)
	return s.away(far)
}

// sshAway has it on a bare node that is reached through ssh.
func sshAway(t *testing.T) *away {
	t.Helper()
	s := besideOn(t)
	d := s.ownNode(func(*testenv.Daemon) {})
	far := s.far(&testenv.Far{To: s.sshServer(), Delay: 10 * time.Millisecond, Rate: 20e6})
	s.node("far", append(remoteDriver(), far.SSH()+strings.TrimPrefix(d.Address(), "unix://"))...)
	return s.away(far)
}

func (a *away) begin(flags ...string) *process {
	a.Helper()
	return a.start(call{env: []string{"WORD=word"}, args: a.buildArgs(append(flags, "--verify=off", "--secret", "id=word,env=WORD", "--platform", "linux/amd64,linux/arm64", "--push", "-t", a.repo, a.dir)...)})
}

// says waits until a build has written something.
func (a *away) says(build *process, words string) {
	a.Helper()
	a.eventually("it says "+words, func() bool { return strings.Contains(build.err.String(), words) || !build.left() })
	if !strings.Contains(build.err.String(), words) {
		a.Fatalf("it ended:\n%s", build.err.String())
	}
}

// firstIsDone waits until linux/amd64 is in the registry, and linux/arm64 runs its step.
func (a *away) firstIsDone(build *process) {
	a.Helper()
	a.eventually("linux/amd64 is pushed, and linux/arm64 works", func() bool {
		readBack := slices.ContainsFunc(a.faults.Requests(), func(r faultregistry.Request) bool {
			return r.Method == http.MethodGet && r.Status == http.StatusOK && faultregistry.ChildRead(r.Method, r.Path)
		})
		return a.held.Load() > 0 && readBack || !build.left()
	})
}

// cutUntilNoticed cuts the network until the build has noticed.
func (a *away) cutUntilNoticed(build *process) {
	a.Helper()
	a.check(a.far.Cut())
	a.says(build, "to reach it again")
	a.check(a.far.Mend())
	a.says(build, "answers again")
}

// succeeds checks that both platforms are under the tag, and that no blob was uploaded twice.
func (a *away) succeeds(build *process) {
	a.Helper()
	r := build.wait()
	if r.code != 0 {
		a.Fatalf("status %d\n%s", r.code, r.err)
	}
	for _, p := range []string{"linux/amd64", "linux/arm64"} {
		a.fileOf(a.behind(a.repo), "latest", p, "first")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	once := slices.Compact(slices.Sorted(slices.Values(a.uploads)))
	if len(once) == 0 || len(once) != len(a.uploads) {
		a.Errorf("the uploads are %q", a.uploads)
	}
}

// ways are the ways to a node whose network may be cut.
var ways = map[string]func(*testing.T) *away{"tcp": bareAway, "ssh": sshAway}

func TestABuildGoesOnWhereItWasWhenItsNetworkIsBackDuringAStep(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) { goesOnInAStep(way(t)) })
	}
}

func goesOnInAStep(a *away) {
	build := a.begin("--fail-fast")
	a.firstIsDone(build)
	a.cutUntilNoticed(build)
	a.contains("what is said", build.err.String(), "far", "did not answer", "go on with linux/arm64", "done: linux/amd64")
	close(a.open)
	a.succeeds(build)
	a.Logf("the step was begun %d times", a.held.Load())
}

func TestABuildGoesOnWhereItWasWhenItsNetworkIsBackDuringAPush(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) { goesOnInAPush(way(t)) })
	}
}

func goesOnInAPush(a *away) {
	var came atomic.Bool
	a.faults.Add(faultregistry.Fault{Match: blobPut.match, Times: 1, Do: holding(&came)})
	close(a.open)
	build := a.begin()
	a.eventually("a layer is uploaded", func() bool { return came.Load() || !build.left() })
	a.cutUntilNoticed(build)
	a.succeeds(build)
}

func TestACutWhileTheIndexIsWrittenIsNoMatter(t *testing.T) {
	a := bareAway(t)
	var came atomic.Bool
	goOn := make(chan struct{})
	a.faults.Add(faultregistry.Fault{Match: faultregistry.TagPut, Do: func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		came.Store(true)
		<-goOn
		next.ServeHTTP(w, req)
	}})
	close(a.open)
	build := a.begin()
	a.eventually("the tag is written", func() bool { return came.Load() || !build.left() })
	a.check(a.far.Cut())
	close(goOn)
	a.succeeds(build)
}

func TestABuildThatWaitsForItsNetworkIsInterrupted(t *testing.T) {
	a := bareAway(t)
	build := a.begin()
	a.firstIsDone(build)
	a.check(a.far.Cut())
	a.says(build, "to reach it again")
	began := time.Now()
	build.signal(syscall.SIGINT)
	r := build.wait()
	a.equal("the status", r.code, 130)
	a.equal("whether the tag is there", a.exists(a.behind(a.repo), "latest"), false)
	if since := time.Since(began); since > soon {
		a.Errorf("it took %s", since)
	}
}

func TestABuildInAContainerGoesOnWhenTheNetworkToItsEngineIsBack(t *testing.T) {
	s := besideOn(t)
	far := s.far(&testenv.Far{To: s.host, Delay: 10 * time.Millisecond, Rate: 20e6})
	s.containerNode("far", far.Address(), "--buildkitd-flags", "--allow-insecure-entitlement=network.host")
	a := s.away(far)
	build := a.begin("--network", "host", "--allow", "network.host") // the step reaches a server of this process
	a.firstIsDone(build)
	a.cutUntilNoticed(build)
	close(a.open)
	a.succeeds(build)
}

//go:build e2e

package e2e

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// farDelay is that of stories that count round trips, each way: much longer than it takes to send what was not asked for by an answer.
const farDelay = 100 * time.Millisecond

// farBuildKit is a builder of one node, which is so far away.
func (s *story) farBuildKit(delay time.Duration) (far *testenv.Far, calls *testenv.Calls) {
	s.Helper()
	s.farm()
	d := s.ownNode(s.beTCP)
	calls = &testenv.Calls{}
	far = s.far(&testenv.Far{To: d.Address(), Delay: delay, Rate: 20e6, HTTP2: true, Tap: calls.Tap})
	s.node("far", append(remoteDriver(), far.Address())...)
	return far, calls
}

// asked is a command, and how much it may ask.
type asked struct {
	words        []string
	trips, calls int    // at most; opening a connection takes two trips
	before       func() // nil: nothing
}

// tries is how often a command may ask more: on a busy machine, some of what is asked at the same time waits for the answer to another
// question.
const tries = 4

// asks runs commands, and counts what they ask of what is behind a proxy.
func (s *story) asks(far *testenv.Far, calls *testenv.Calls, all ...asked) {
	s.Helper()
	for _, c := range all {
		for try := 1; ; try++ {
			if c.before != nil {
				c.before()
			}
			s.eventually("nothing is on its way", far.Idle)
			before, trips := calls.Count(), far.Trips()
			r := s.mustRun(call{args: c.words})
			trips = far.Trips() - trips
			made, n := calls.Count(), 0
			for name := range made {
				made[name] -= before[name]
				n += made[name]
			}
			maps.DeleteFunc(made, func(_ string, n int) bool { return n == 0 })
			s.Logf("%s: %s, %d trips, %d calls: %v", joined(c.words[:4]), r.took, trips, n, made)
			if n <= c.calls && trips <= c.trips {
				break
			}
			if try == tries {
				s.Errorf("%s: more than %d round trips, or than %d calls", joined(c.words), c.trips, c.calls)
				break
			}
		}
	}
}

const askedPlatforms = "linux/amd64,linux/arm64,linux/amd64/v2"

func TestAFarNodeIsAskedFewQuestionsOneAfterTheOther(t *testing.T) {
	s := besideOnAlone(t)
	s.emulatesArm()
	far, calls := s.farBuildKit(farDelay)
	dir := s.dockerfile("FROM $BASE", "ARG TARGETPLATFORM", "RUN echo $TARGETPLATFORM >/platform")
	build := []string{"multiarch", "build", "--builder", s.builder, "--platform", askedPlatforms, "--push", "-t", s.repo(), dir}
	inspect := []string{"multiarch", "builder", "inspect", s.builder}
	s.mustRun(call{args: build})
	s.asks(far, calls,
		asked{words: inspect, trips: 4, calls: 14, before: func() { s.check(os.RemoveAll(filepath.Join(s.home, ".cache", "docker-multiarch", "probes"))) }}, // with a probe
		asked{words: build, trips: 11, calls: 34},
		asked{words: []string{"multiarch", "plan", "--builder", s.builder, "--platform", askedPlatforms, dir}, trips: 7, calls: 29},
		asked{words: inspect, trips: 4, calls: 3},
	)
	before := far.Opened()
	s.docker("multiarch", "doctor", "--builder", s.builder) // its status is about more than the node
	s.equal("the connections of the doctor", far.Opened()-before, int64(1))
}

func TestAFarEngineIsAskedFewQuestionsOneAfterTheOther(t *testing.T) {
	onEachEngineAlone(t, func(s *story) {
		calls := &testenv.Calls{}
		far := s.far(&testenv.Far{To: s.host, Delay: farDelay, Rate: 20e6, Tap: calls.Tap})
		s.env = append(s.env, "DOCKER_HOST="+far.Address())
		dir := s.dockerfile("FROM $BASE", "ARG TARGETPLATFORM", "RUN echo $TARGETPLATFORM >/platform")
		build := s.buildArgs("--platform", twoPlatforms, "--load", "-t", s.engineName(), dir)
		s.mustRun(call{args: build})
		s.asks(far, calls,
			asked{words: build, trips: 30, calls: 18},
			asked{words: []string{"multiarch", "plan", "--builder", s.builder, "--platform", twoPlatforms, dir}, trips: 12, calls: 11},
			asked{words: []string{"multiarch", "builder", "inspect", s.builder}, trips: 22, calls: 16},
		)
	})
}

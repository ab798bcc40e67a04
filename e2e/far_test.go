//go:build e2e

package e2e

import (
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

func TestAFarNodeIsAskedFewQuestionsOneAfterTheOther(t *testing.T) {
	s := besideOn(t)
	s.emulatesArm()
	far, calls := s.farBuildKit(farDelay)
	dir := s.dockerfile("FROM $BASE", "ARG TARGETPLATFORM", "RUN echo $TARGETPLATFORM >/platform")
	build := []string{"multiarch", "build", "--builder", s.builder, "--platform", "linux/amd64,linux/arm64,linux/amd64/v2", "--push", "-t", s.repo(), dir}
	s.mustRun(call{args: build})
	for _, c := range []struct {
		words        []string
		trips, calls int // at most; opening a connection takes two trips
	}{
		{words: []string{"multiarch", "builder", "inspect", s.builder}, trips: 5, calls: 16}, // with a probe, whose outcome is remembered
		{words: build, trips: 14, calls: 39},
		{words: []string{"multiarch", "plan", "--builder", s.builder, "--platform", "linux/amd64,linux/arm64,linux/amd64/v2", dir}, trips: 10, calls: 34},
		{words: []string{"multiarch", "builder", "inspect", s.builder}, trips: 5, calls: 3},
	} {
		s.eventually("nothing is on its way", far.Idle)
		before, trips := calls.Count(), far.Trips()
		r := s.mustRun(call{args: c.words})
		trips = far.Trips() - trips
		made, n := calls.Count(), 0
		for name := range made {
			made[name] -= before[name]
			n += made[name]
		}
		s.Logf("%s: %s, %d trips, %d calls: %v", joined(c.words[:3]), r.took, trips, n, made)
		if n > c.calls {
			s.Errorf("%s made %d calls, more than %d: %v", joined(c.words), n, c.calls, made)
		}
		if trips > c.trips {
			s.Errorf("%s took %d round trips, more than %d", joined(c.words), trips, c.trips)
		}
	}
	before := far.Opened()
	s.docker("multiarch", "doctor", "--builder", s.builder) // its status is about more than the node
	s.equal("the connections of the doctor", far.Opened()-before, int64(1))
}

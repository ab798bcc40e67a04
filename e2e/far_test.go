//go:build e2e

package e2e

import (
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// farDelay is that of stories that measure round trips: so long that the time in which the programs of a busy machine work is less than one.
const farDelay = 250 * time.Millisecond

// farBuildKit is a builder of one node, which is so far away.
func (s *story) farBuildKit(delay time.Duration) (far *testenv.Far, calls *testenv.Calls) {
	s.Helper()
	s.farm()
	d := s.ownNode(s.beTCP)
	calls = &testenv.Calls{}
	far = s.far(&testenv.Far{To: d.Address(), Delay: delay, Rate: 20e6, Tap: calls.Tap})
	s.node("far", append(remoteDriver(), far.Address())...)
	return far, calls
}

func TestAFarNodeIsAskedFewQuestionsOneAfterTheOther(t *testing.T) {
	s := besideOn(t)
	s.emulatesArm()
	_, calls := s.farBuildKit(farDelay)
	dir := s.dockerfile("FROM $BASE", "ARG TARGETPLATFORM", "RUN echo $TARGETPLATFORM >/platform")
	build := []string{"multiarch", "build", "--builder", s.builder, "--platform", "linux/amd64,linux/arm64,linux/amd64/v2", "--push", "-t", s.repo(), dir}
	s.mustRun(call{args: build})
	s.mustDocker("multiarch", "builder", "inspect", s.builder) // the outcome of its probe is remembered
	for _, c := range []struct {
		words        []string
		trips, calls int // at most; a connection takes two, and busy processors a few
	}{
		{words: build, trips: 18, calls: 39},
		{words: []string{"multiarch", "plan", "--builder", s.builder, "--platform", "linux/amd64,linux/arm64,linux/amd64/v2", dir}, trips: 13, calls: 34},
		{words: []string{"multiarch", "builder", "inspect", s.builder}, trips: 8, calls: 3},
	} {
		before := calls.Count()
		r := s.mustRun(call{args: c.words})
		made, n := calls.Count(), 0
		for name := range made {
			made[name] -= before[name]
			n += made[name]
		}
		s.Logf("%s: %s, %v", joined(c.words[:2]), r.took, made)
		if n > c.calls {
			s.Errorf("%s made %d calls, more than %d: %v", joined(c.words), n, c.calls, made)
		}
		if trips := int(r.took / (2 * farDelay)); trips > c.trips {
			s.Errorf("%s took %d round trips, more than %d", joined(c.words), trips, c.trips)
		}
	}
}

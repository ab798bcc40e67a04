package solve

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/timing"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// kept returns the recorded times.
func (e Env) kept() timing.Times { return timing.Decode(e.times().Get(timesName)).Times() }

func TestHowLongEmulatedStepsTookIsKept(t *testing.T) {
	w := newHarness(t, "FROM --platform=$BUILDPLATFORM alpine AS tool\nRUN fetch\nFROM alpine\nRUN make\nRUN touch\nCOPY --from=tool /x /\n")
	w.env.Times = t.TempDir()
	w.Took = func(p platform.Platform, name string) time.Duration {
		switch {
		case strings.HasSuffix(name, "RUN touch"):
			return time.Millisecond
		case p.Architecture == "arm64":
			return 128 * time.Second
		}
		return time.Minute
	}
	w.mustRun()
	var got []float64
	for _, seconds := range w.env.kept() {
		got = append(got, seconds)
	}
	// linux/arm/v7 and linux/arm64 are emulated; short steps and steps that are not emulated are left out.
	if len(got) != 2 || got[0]+got[1] != 60+128 {
		t.Errorf("%v", got)
	}
	before := w.env.kept()
	w.mustRun() // all of it is in the cache
	if diff := cmp.Diff(before, w.env.kept()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

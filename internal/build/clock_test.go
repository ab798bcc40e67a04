package build

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/timing"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestTheTimeOfAStepIsThatOfAllItsRuns(t *testing.T) {
	at := func(s int) *time.Time { t := time.Unix(int64(s), 0); return &t }
	var c clock
	for _, v := range []*client.Vertex{
		{Digest: "twice", Started: at(1), Completed: at(3)},
		{Digest: "twice", Started: at(1), Completed: at(3)}, // said again
		{Digest: "twice", Started: at(5)},
		{Digest: "twice", Started: at(5), Completed: at(10)},
		{Digest: "cached", Started: at(1), Completed: at(2), Cached: true},
		{Digest: "failed", Started: at(1), Completed: at(2), Error: "exit code: 1"},
		{Digest: "running", Started: at(1)},
		{Digest: "waiting"},
	} {
		c.see(&client.SolveStatus{Vertexes: []*client.Vertex{v}})
	}
	got := map[digest.Digest]float64{}
	for _, d := range []digest.Digest{"twice", "cached", "failed", "running", "waiting"} {
		got[d] = c.seconds(d)
	}
	if diff := cmp.Diff(map[digest.Digest]float64{"twice": 7, "cached": 0, "failed": 0, "running": 0, "waiting": 0}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHowLongEmulatedStepsTookIsKept(t *testing.T) {
	w := newWorld(t, "FROM --platform=$BUILDPLATFORM alpine AS tool\nRUN fetch\nFROM alpine\nRUN make\nRUN touch\nCOPY --from=tool /x /\n")
	w.env.Times = filepath.Join(t.TempDir(), "times.json")
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
	for _, seconds := range timing.Load(w.env.Times) {
		got = append(got, seconds)
	}
	// linux/arm/v7 and linux/arm64 are emulated; what is short, and what is not emulated, is left out.
	if len(got) != 2 || got[0]+got[1] != 60+128 {
		t.Errorf("%v", got)
	}
	before := timing.Load(w.env.Times)
	w.mustRun() // all of it is in the cache
	if diff := cmp.Diff(before, timing.Load(w.env.Times)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

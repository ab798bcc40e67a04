package vertexlog

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
)

func TestTheTimeOfAStepIsThatOfAllItsRuns(t *testing.T) {
	at := func(s int) *time.Time { t := time.Unix(int64(s), 0); return &t }
	var c Log
	for _, v := range []*client.Vertex{
		{Digest: "twice", Started: at(1), Completed: at(3)},
		{Digest: "twice", Started: at(1), Completed: at(3)}, // a repeated message
		{Digest: "twice", Started: at(5)},
		{Digest: "twice", Started: at(5), Completed: at(10)},
		{Digest: "cached", Started: at(1), Completed: at(2), Cached: true},
		{Digest: "failed", Started: at(1), Completed: at(2), Error: "exit code: 1"},
		{Digest: "running", Started: at(1)},
		{Digest: "waiting"},
	} {
		c.Add(&client.SolveStatus{Vertexes: []*client.Vertex{v}})
	}
	got := map[digest.Digest]float64{}
	for _, d := range []digest.Digest{"twice", "cached", "failed", "running", "waiting"} {
		got[d] = c.Seconds(d)
	}
	if diff := cmp.Diff(map[digest.Digest]float64{"twice": 7, "cached": 0, "failed": 0, "running": 0, "waiting": 0}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

package solve

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
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

// kept are the times that are known.
func (e Env) kept() timing.Times { return timing.Decode(e.times().Get(timesName)).Times() }

func TestHowLongEmulatedStepsTookIsKept(t *testing.T) {
	w := newWorld(t, "FROM --platform=$BUILDPLATFORM alpine AS tool\nRUN fetch\nFROM alpine\nRUN make\nRUN touch\nCOPY --from=tool /x /\n")
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
	// linux/arm/v7 and linux/arm64 are emulated; what is short, and what is not emulated, is left out.
	if len(got) != 2 || got[0]+got[1] != 60+128 {
		t.Errorf("%v", got)
	}
	before := w.env.kept()
	w.mustRun() // all of it is in the cache
	if diff := cmp.Diff(before, w.env.kept()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatEmulationIsAvoidedIsKnownFromWhatItTook(t *testing.T) {
	w := newWorld(t, "FROM alpine\nRUN make\n")
	arm64 := platform.Platform{OS: "linux", Architecture: "arm64"}
	step := func(d digest.Digest, text string) graph.Step {
		return graph.Step{Digest: d, Kind: graph.Exec, Args: []string{"/bin/sh", "-c", text}, Platform: arm64}
	}
	j, c := job{nodeRun: &nodeRun{task: task{req: w.req, env: w.env}}}, &clock{}
	r := relocation{stays: graph.Graph{Steps: []graph.Step{step("1", "known"), step("2", "unknown"), step("3", "cached"), step("4", "uncached")}}}
	for _, step := range r.stays.Steps {
		r.moved.Steps = append(r.moved.Steps, cross.Step{Digest: "new" + step.Digest, Was: step.Digest})
	}
	began, ended := time.Unix(1, 0), time.Unix(3, 0)
	for d, cached := range map[digest.Digest]bool{"new1": false, "new2": false, "new3": true, uncached("new4"): false} {
		c.see(&client.SolveStatus{Vertexes: []*client.Vertex{{Digest: d, Started: &began, Completed: &ended, Cached: cached}}})
	}
	if got := j.avoided(r, c); got != 0 {
		t.Errorf("without a record: %g", got)
	}
	j.env.Times = t.TempDir()
	times := timing.Times{}
	for i, seconds := range []float64{100, 0, 1000, 30} {
		if seconds > 0 {
			times[timing.KeyOf(j.req.Source.Project(j.env.Client), r.stays.Steps[i])] = seconds
		}
	}
	j.env.times().Put(timesName, timing.Record{}.With(times).Encode())
	if got := j.avoided(r, c); got != 100-2+30-2 {
		t.Errorf("%g", got)
	}
}

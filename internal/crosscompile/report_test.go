package crosscompile

import (
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/timing"
	"github.com/docker-multiarch/docker-multiarch/internal/vertexlog"
)

func TestAvoidedEmulationIsEstimatedFromEarlierTimes(t *testing.T) {
	step := func(d digest.Digest, text string) graph.Step {
		return graph.Step{Digest: d, Kind: graph.Exec, Args: []string{"/bin/sh", "-c", text}, Platform: arm64}
	}
	m := cross.Relocated{From: cross.Build{
		Graph: graph.Graph{Steps: []graph.Step{step("1", "known"), step("2", "unknown"), step("3", "cached"), step("4", "uncached")}},
	}}
	for _, step := range m.From.Graph.Steps {
		m.Steps = append(m.Steps, cross.Step{Digest: "new" + step.Digest, Original: step.Digest})
	}
	log := &vertexlog.Log{}
	began, ended := time.Unix(1, 0), time.Unix(3, 0)
	for d, cached := range map[digest.Digest]bool{"new1": false, "new2": false, "new3": true, vertexlog.Uncached("new4"): false} {
		log.Add(&client.SolveStatus{Vertexes: []*client.Vertex{{Digest: d, Started: &began, Completed: &ended, Cached: cached}}})
	}
	times := timing.Times{}
	if got := Avoided(m, log, "project", times); got != 0 {
		t.Errorf("without a record: %g", got)
	}
	for i, seconds := range []float64{100, 0, 1000, 30} {
		if seconds > 0 {
			times[timing.KeyOf("project", m.From.Graph.Steps[i])] = seconds
		}
	}
	if got := Avoided(m, log, "project", times); got != 100-2+30-2 {
		t.Errorf("%g", got)
	}
}

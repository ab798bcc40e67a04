package progress

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
)

const (
	amd64, arm64 = "linux/amd64", "linux/arm64"
	sharedStep   = digest.Digest("sha256:shared")
	ownStep      = digest.Digest("sha256:own") // "exporting to image" has the same digest in every solve
	loadStep     = digest.Digest("sha256:load")
)

func vertex(d digest.Digest, name string) *client.Vertex {
	return &client.Vertex{Digest: d, Name: name}
}

func twoLanes() *lanes {
	l := newLanes(2)
	l.counts = map[digest.Digest]int{sharedStep: 2, ownStep: 1}
	return l
}

// sorted returns the names of the steps that a platform's message still has, behind their lanes.
func (l *lanes) sorted(platform string, vs ...*client.Vertex) (names []string) {
	for _, m := range l.split(platform, &client.SolveStatus{Vertexes: vs}) {
		for _, v := range m.status.Vertexes {
			names = append(names, m.lane+": "+v.Name)
		}
	}
	return names
}

func TestEachStepIsInItsPlatformsLaneAndSharedOnesAreShownOnce(t *testing.T) {
	l := twoLanes()
	messages := []*client.Vertex{
		vertex(sharedStep, "[build 2/4] RUN make"), vertex(ownStep, "exporting to image"), vertex(loadStep, "[internal] load build context"),
	}
	first, second := l.sorted(amd64, messages...), l.sorted(arm64, messages...)
	if diff := cmp.Diff([]string{"shared: [build 2/4] RUN make", "shared: [internal] load build context", "linux/amd64: exporting to image"}, first); diff != "" {
		t.Errorf("the first (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"linux/arm64: exporting to image"}, second); diff != "" {
		t.Errorf("the second (-want +got):\n%s", diff)
	}
}

func TestASinglePlatformSharesNothing(t *testing.T) {
	if got := newLanes(1).sorted(amd64, vertex(loadStep, "[internal] load build context")); got[0] != "linux/amd64: [internal] load build context" {
		t.Error(got)
	}
}

func TestOnlyTheFirstWhoSpeaksOfASharedStepIsHeardUntilItsSolveEnds(t *testing.T) {
	l := twoLanes()
	logs := func(platform string) int {
		return len(l.split(platform, &client.SolveStatus{
			Logs: []*client.VertexLog{{Vertex: sharedStep}}, Statuses: []*client.VertexStatus{{Vertex: sharedStep}}, Warnings: []*client.VertexWarning{{Vertex: sharedStep}},
		}))
	}
	l.sorted(amd64, vertex(sharedStep, "[1/2] RUN make"))
	if logs(amd64) != 1 || logs(arm64) != 0 {
		t.Error("not only the first is heard")
	}
	l.handOver(amd64) // its solve was cancelled, the step goes on
	if logs(arm64) != 1 {
		t.Error("nobody speaks for the step")
	}
	now := time.Now()
	done := vertex(sharedStep, "[1/2] RUN make")
	done.Completed = &now
	l.sorted(arm64, done)
	l.handOver(arm64)
	if n := len(l.sorted(amd64, done)); n != 0 {
		t.Error("a step that has ended is shown again")
	}
}

package solve

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// nodesOf returns each platform's node.
func nodesOf(rep Report) (nodes []string) {
	for _, p := range rep.Platforms {
		nodes = append(nodes, p.Node)
	}
	return nodes
}

// down adds a node that cannot be used, with these platforms.
func (w *harness) down(name, given string) {
	w.t.Helper()
	var ps []platform.Platform
	if given != "" {
		var err error
		if ps, _, err = platform.Parse(given); err != nil {
			w.t.Fatal(err)
		}
	}
	w.env.Down = append(w.env.Down, plan.Candidate{
		Node: plan.Node{Name: name, Preferred: ps}, Address: "tcp://" + name, Down: errors.New("connection refused"),
	})
}

func TestAPlatformIsNotTakenFromANodeThatIsDown(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.platforms("linux/amd64,linux/arm64")
	w.down("arm", "linux/arm64")
	_, err := w.run()
	if down, ok := errors.AsType[*plan.DownError](err); !ok || len(down.Nodes) != 1 || down.Nodes[0].Name != "arm" {
		t.Fatalf("got %v", err)
	}
	w.untouched()
	if len(w.Solves()) > 0 {
		t.Error("a solve began")
	}
}

func TestAnotherNodeTakesOverIfTheUserSaysSo(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.platforms("linux/amd64,linux/arm64")
	w.down("arm", "linux/arm64")
	w.down("other", "linux/s390x")
	w.req.Fallback = true
	rep := w.mustRun()
	want := []string{
		`building linux/amd64 on node "default", linux/arm64 on node "default"`,
		`warning: linux/arm64 is built on node "default" instead: node "arm" (tcp://arm) cannot be used: connection refused`,
		`warning: node "other" (tcp://other) is not used: connection refused`,
	}
	if diff := cmp.Diff(want, w.progress.notes[:3]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p := rep.Platforms[1]; p.Mode != plan.Emulated || p.Instead != `node "arm" (tcp://arm) cannot be used: connection refused` || rep.Platforms[0].Instead != "" {
		t.Errorf("%+v", p)
	}
}

func TestThatAPlatformIsEmulatedForWantOfANativeNodeIsSaid(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.platforms("linux/arm64,linux/s390x")
	w.second("linux/arm64", nil)
	w.mustRun()
	want := []string{
		`building linux/arm64 on node "second", linux/s390x on node "default"`,
		`no node is native to linux/s390x, so node "default" emulates what runs for it`,
	}
	if diff := cmp.Diff(want, w.progress.notes[:2]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOfEqualNodesTheIdleOneBuildsElseTheOneWithTheCache(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.platforms("linux/amd64")
	w.env.Placements = t.TempDir()
	w.second("linux/amd64", nil)
	builds := []int{1, 0}
	for k := range w.env.Nodes {
		w.env.Nodes[k].Running = func(context.Context) (int, error) { return builds[k], nil }
	}
	for _, tt := range []struct {
		running []int
		want    string
	}{
		{[]int{1, 0}, "second"},
		{[]int{0, 0}, "second"}, // it has the cache
		{[]int{0, 1}, "default"},
		{[]int{2, 2}, "default"},
	} {
		builds = tt.running
		if got := nodesOf(w.mustRun()); !slices.Equal(got, []string{tt.want}) {
			t.Errorf("running builds %v: built on %q, want %s", tt.running, got, tt.want)
		}
	}
}

func TestANodeThatStillWritesTheRecordOfTheLastBuildIsNotBusy(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.platforms("linux/amd64")
	w.env.Placements = t.TempDir()
	w.second("linux/amd64", nil)
	w.env.Nodes[0].Running = func(context.Context) (int, error) { return 1, nil }
	w.mustRun()
	w.env.Nodes[0].Running = nil
	writing := 1
	w.env.Nodes[1].Running = func(context.Context) (int, error) { defer func() { writing = 0 }(); return writing, nil }
	if got := nodesOf(w.mustRun()); !slices.Equal(got, []string{"second"}) {
		t.Errorf("built on %q", got)
	}
}

func TestANodeThatDoesNotTellItsBuildsCountsAsIdle(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.platforms("linux/amd64")
	w.second("linux/amd64", nil)
	w.env.Nodes[0].Running = func(context.Context) (int, error) { return 0, errors.New("no history") }
	if got := nodesOf(w.mustRun()); !slices.Equal(got, []string{"default"}) {
		t.Errorf("built on %q", got)
	}
	if notes := strings.Join(w.progress.notes, "\n"); strings.Contains(notes, "no history") {
		t.Error(notes)
	}
}

func TestANodeThatTakesNoEmulatorsIsNamedWithItsHost(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.platforms("linux/s390x")
	w.kernel, w.env.Nodes[0].Install, w.env.Nodes[0].Address = nil, nil, "tcp://10.0.0.7:1234"
	want := "node default (tcp://10.0.0.7:1234) cannot run programs for linux/s390x, and steps of the Dockerfile need that"
	if diff := cmp.Diff([]string{want}, w.texts(w.findings())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheJobsOfOneNodeDoNotLimitThoseOfAnother(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.platforms("linux/amd64,linux/arm64")
	arm := w.second("linux/arm64", nil)
	w.req.Jobs = 1
	var meeting sync.WaitGroup
	meeting.Add(2)
	meet := func(context.Context, platform.Platform) error {
		meeting.Done()
		meeting.Wait()
		return nil
	}
	w.Run, arm.Run = meet, meet
	w.mustRun()
}

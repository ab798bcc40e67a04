package progress

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/pb"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

func (s *screen) tell(t *testing.T, platform string, status client.SolveStatus) {
	t.Helper()
	s.d.Status(platforms(t, platform)[0], &status)
}

func TestASinglePlatformsStepsStayOnTheScreenAsFarAsThereIsRoom(t *testing.T) {
	var frames strings.Builder
	for _, height := range []int{12, 6} {
		s := newScreen(t, 50, height, "linux/amd64")
		for _, name := range []string{"[1/5] FROM alpine", "[2/5] COPY a /", "[3/5] COPY b /"} {
			s.ran(t, "linux/amd64", name)
		}
		s.tell(t, "linux/amd64", client.SolveStatus{Vertexes: []*client.Vertex{
			{Digest: "sha256:4", Name: "[4/5] COPY c /", Started: &s.clock, Completed: &s.clock, Cached: true},
		}})
		s.running(t, "linux/amd64", "[5/5] RUN make", 3, 2)
		frames.WriteString("==>\n" + s.shows(false))
	}
	want := `==>
[+] building for 1 platforms                 0.0s
 linux/amd64        4/5                      0.0s
  => [1/5] FROM alpine                       0.0s
  => [2/5] COPY a /                          0.0s
  => [3/5] COPY b /                          0.0s
  => CACHED [4/5] COPY c /                   0.0s
  => [5/5] RUN make                          3.0s
   | RUN 1
   | RUN 2
==>
[+] building for 1 platforms                 0.0s
 linux/amd64        4/5                      0.0s
  => [5/5] RUN make                          3.0s
   | RUN 1
   | RUN 2
`
	if diff := cmp.Diff(want, frames.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestATransferIsShownWhereAStepHasNoOutput(t *testing.T) {
	s := newScreen(t, 60, 10, "linux/amd64", "linux/arm64")
	s.running(t, "linux/arm64", "[1/2] FROM alpine", 0, 0)
	d := s.d.record.lanes["linux/arm64"].steps
	for dgst := range d {
		s.tell(t, "linux/arm64", client.SolveStatus{Statuses: []*client.VertexStatus{{ID: "sha256:abc", Vertex: dgst, Current: 1 << 20, Total: 3 << 20}}})
	}
	if got := s.shows(false); !strings.Contains(got, "\n   | sha256:abc 1.049MB / 3.146MB\n") {
		t.Errorf("\n%s", got)
	}
}

func TestStepsThatAreOneForTheDockerfileAreShownAsOne(t *testing.T) {
	s := newScreen(t, 60, 10, "linux/amd64", "linux/arm64")
	group := &pb.ProgressGroup{Id: "g", Name: "[2/2] COPY --link a /", Weak: true}
	first := &client.Vertex{Digest: "sha256:1", Name: "copy", ProgressGroup: group, Started: &s.clock}
	s.tell(t, "linux/arm64", client.SolveStatus{Vertexes: []*client.Vertex{first}})
	if done, total := s.record.lanes["linux/arm64"].count(); total != 0 {
		t.Errorf("%d/%d: a member that matters has not begun", done, total)
	}
	strong := &pb.ProgressGroup{Id: "g", Name: group.Name}
	later := s.clock.Add(time.Second)
	s.tell(t, "linux/arm64", client.SolveStatus{Vertexes: []*client.Vertex{{Digest: "sha256:2", Name: "merge", ProgressGroup: strong, Started: &later}}})
	s.clock = later.Add(time.Second)
	if got := s.shows(false); !strings.Contains(got, "=> [2/2] COPY --link a /") || strings.Contains(got, "merge") || !strings.Contains(got, "0/1") {
		t.Errorf("\n%s", got)
	}
	ended := []*client.Vertex{
		{Digest: "sha256:1", Name: "copy", ProgressGroup: group, Started: &s.clock, Completed: &s.clock},
		{Digest: "sha256:2", Name: "merge", ProgressGroup: strong, Started: &later, Completed: &s.clock},
	}
	s.tell(t, "linux/arm64", client.SolveStatus{Vertexes: ended})
	if got := s.shows(false); strings.Contains(got, "COPY") || !strings.Contains(got, "1/1") {
		t.Errorf("\n%s", got)
	}
}

func TestWorkForAllPlatformsIsShownWithWhatIsSharedOrWithTheOnlyPlatform(t *testing.T) {
	for names, want := range map[string]string{
		"linux/amd64":             "\n linux/amd64        1/2  ",
		"linux/amd64,linux/arm64": "\n shared             0/1  ",
	} {
		s := newScreen(t, 60, 10, strings.Split(names, ",")...)
		for name := range strings.SplitSeq(names, ",") {
			s.exported(t, name)
		}
		loading := client.Vertex{Digest: "sha256:x", Name: "loading images", Started: &s.clock}
		s.d.Status(platform.Platform{}, &client.SolveStatus{Vertexes: []*client.Vertex{&loading}})
		if got := s.shows(false); !strings.Contains(got, want) || !strings.Contains(got, "=> loading images") {
			t.Errorf("%s:\n%s", names, got)
		}
		loading.Completed = &s.clock
		s.d.Status(platform.Platform{}, &client.SolveStatus{Vertexes: []*client.Vertex{&loading}})
		if got := s.shows(true); strings.Count(got, "  done ") != len(s.record.lanes) {
			t.Errorf("%s:\n%s", names, got)
		}
	}
}

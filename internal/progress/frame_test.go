package progress

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"

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

func TestWorkForAllPlatformsIsInTheSharedLane(t *testing.T) {
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

func TestStepsThatWereMovedSayFromWhereToWhere(t *testing.T) {
	s := newScreen(t, 76, 12, "linux/arm/v7", "linux/arm64")
	var lines buffer
	plain, err := New(t.Context(), Options{Out: &lines, Mode: Plain, Platforms: platforms(t, "linux/arm/v7", "linux/arm64")})
	if err != nil {
		t.Fatal(err)
	}
	tell := func(d *Display, lane string, v client.Vertex) {
		v.Started = &s.clock
		if d == plain { // plain shows one at a time
			v.Completed = &s.clock
		}
		d.Status(platforms(t, lane)[0], &client.SolveStatus{Vertexes: []*client.Vertex{&v}})
	}
	for _, d := range []*Display{s.d, plain} {
		d.Cleared(Plan{Shared: map[digest.Digest]int{"sha256:mod": 2}, How: map[string]string{"linux/arm/v7": "cross (go)", "linux/arm64": "emulated, cross (go)"}})
		for _, lane := range []string{"linux/arm/v7", "linux/arm64"} {
			tell(d, lane, client.Vertex{Digest: "sha256:look", Name: "looking at golang:1 for linux/amd64"})
			tell(d, lane, client.Vertex{Digest: "sha256:mod", Name: "[linux/amd64 build 3/5] RUN go mod download"})
			name := "[linux/amd64->" + strings.TrimPrefix(lane, "linux/") + " build 5/5] RUN go build"
			tell(d, lane, client.Vertex{Digest: digest.FromString(lane), Name: name})
		}
	}
	want := `[+] building for 2 platforms                                           0.0s
 shared                                  0/2                           0.0s
  => looking at golang:1 for linux/amd64                               0.0s
  => [linux/amd64 build 3/5] RUN go mod download                       0.0s
 linux/arm/v7  cross (go)                0/1                           0.0s
  => [linux/amd64->arm/v7 build 5/5] RUN go build                      0.0s
 linux/arm64   emulated, cross (go)      0/1                           0.0s
  => [linux/amd64->arm64 build 5/5] RUN go build                       0.0s
`
	if diff := cmp.Diff(want, s.shows(false)); diff != "" {
		t.Errorf("on a terminal (-want +got):\n%s", diff)
	}
	if err := plain.Close(); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"shared       | #1 looking at golang:1 for linux/amd64\n", "shared       | #2 [linux/amd64 build 3/5] RUN go mod download\n",
		"linux/arm/v7 | #1 [linux/amd64->arm/v7 build 5/5] RUN go build\n", "linux/arm64  | #1 [linux/amd64->arm64 build 5/5] RUN go build\n",
	} {
		if strings.Count(lines.String(), line) != 1 {
			t.Errorf("this has not once %q:\n%s", line, lines.String())
		}
	}
}

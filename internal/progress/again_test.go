package progress

import (
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
)

// at is a step that ran for a second from the given time, with its result.
func at(began time.Time, id, name, err string, cached bool) *client.Vertex {
	ended := began.Add(time.Second)
	return &client.Vertex{Digest: digest.FromString(id), Name: name, Started: &began, Completed: &ended, Error: err, Cached: cached}
}

func TestAPlatformThatIsSolvedAgainShowsNothingOfItsFailureInTheEnd(t *testing.T) {
	for _, lane := range []string{"linux/arm64", Shared} {
		s := newScreen(t, 60, 12, "linux/amd64", "linux/arm64")
		if lane == Shared {
			s.d.lanes.alike[digest.FromString("2")] = true
		}
		arm64 := platforms(t, "linux/arm64")[0]
		s.tell(t, "linux/arm64", client.SolveStatus{Vertexes: []*client.Vertex{
			at(s.clock, "1", "[1/3] FROM alpine", "", false), at(s.clock, "2", "[2/3] RUN make", "exit code: 139", false),
			at(s.clock, "3", "[other] RUN test", "context canceled", false),
		}})
		s.d.Status(arm64, nil)
		if got := s.shows(false); !strings.Contains(got, "ERROR [2/3] RUN make") {
			t.Errorf("%s: the failure is not shown:\n%s", lane, got)
		}
		s.clock = s.clock.Add(5 * time.Second)
		s.tell(t, "linux/arm64", client.SolveStatus{Vertexes: []*client.Vertex{
			at(s.clock, "1", "[1/3] FROM alpine", "", true), at(s.clock, "2", "[2/3] RUN make", "", false), at(s.clock, "3", "[other] RUN test", "", false),
		}})
		s.exported(t, "linux/arm64")
		s.d.Status(arm64, nil)
		s.exported(t, "linux/amd64")
		if got := s.shows(true); strings.Contains(got, "ERROR") || strings.Contains(got, "failed") || strings.Contains(got, "stopped") {
			t.Errorf("%s:\n%s", lane, got)
		}
		if s.d.record.lanes["linux/arm64"].steps[digest.FromString("1")].cached {
			t.Error("what was made in this build is called cached")
		}
	}
}

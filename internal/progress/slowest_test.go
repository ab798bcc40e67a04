package progress

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
)

// slowBuild is a build of a native and two emulated platforms whose steps took so many seconds, by "platform line".
func slowBuild(t *testing.T, took map[string]int, cached, advised bool) string {
	t.Helper()
	s := newScreen(t, 80, 24, "linux/amd64", "linux/arm64", "linux/s390x")
	plan := Plan{Programs: map[digest.Digest]Program{}}
	var told []func()
	for _, name := range []string{"linux/amd64", "linux/arm64", "linux/s390x"} {
		for line := 2; line < 8; line++ {
			key := name + " " + string(rune('0'+line))
			n, ok := took[key]
			if !ok {
				continue
			}
			p := platforms(t, name)[0]
			d := digest.FromString(key)
			plan.Programs[d] = Program{Platform: p, Emulated: name != "linux/amd64", File: "Dockerfile", Line: line}
			begun := s.clock.Add(-time.Duration(n) * time.Second)
			v := &client.Vertex{Digest: d, Name: "[build 2/9] RUN step " + string(rune('0'+line)), Started: &begun, Completed: &s.clock, Cached: cached}
			copied := &client.Vertex{Digest: digest.FromString("copy"), Name: "[build 3/9] COPY x /", Started: &begun, Completed: &s.clock}
			told = append(told, func() { s.d.Status(p, &client.SolveStatus{Vertexes: []*client.Vertex{v, copied}}) })
		}
	}
	s.d.Cleared(plan)
	for _, tell := range told {
		tell()
	}
	var out buffer
	s.d.Slowest(&out, advised)
	return out.String()
}

func TestTheSlowestEmulatedStepsAreSaidByTheirLineInTheDockerfile(t *testing.T) {
	got := slowBuild(t, map[string]int{
		"linux/arm64 2": 30, "linux/s390x 2": 40, "linux/arm64 3": 11, "linux/arm64 4": 12, "linux/s390x 5": 13, "linux/arm64 6": 9,
		"linux/amd64 2": 3, "linux/amd64 3": 2, "linux/arm64 7": 50, "linux/amd64 7": 48,
	}, false, false)
	want := `
Slowest emulated steps:
  Dockerfile:2  RUN step 2  (linux/s390x 40.0s, linux/arm64 30.0s, natively 3.0s)
  Dockerfile:5  RUN step 5  (linux/s390x 13.0s)
  Dockerfile:4  RUN step 4  (linux/arm64 12.0s)
Hint: an emulator is many times slower than the processor. Compile in a stage FROM --platform=$BUILDPLATFORM for
      $TARGETOS and $TARGETARCH, and COPY --from it. Steps that must run for their platform (installing packages): put them
      before the COPY of what changes often, so that they stay cached.
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEmulatedStepsThatWereQuickOrCachedAreNotSaid(t *testing.T) {
	if got := slowBuild(t, map[string]int{"linux/arm64 2": 9}, false, false); got != "" {
		t.Errorf("quick: %s", got)
	}
	if got := slowBuild(t, map[string]int{"linux/arm64 2": 90}, true, false); got != "" {
		t.Errorf("cached: %s", got)
	}
	if got := slowBuild(t, map[string]int{"linux/arm64 2": 90}, false, true); strings.Contains(got, "Hint") || !strings.Contains(got, "RUN step 2") {
		t.Errorf("where it was said what to do: %s", got)
	}
}

package progress

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
	"github.com/tonistiigi/vt100"
)

// screen is a display on a terminal that a test reads, and whose clock it sets.
type screen struct {
	*terminal
	d     *Display
	vt    *vt100.VT100
	clock time.Time
}

func newScreen(t *testing.T, width, height int, names ...string) *screen {
	t.Helper()
	d, err := New(t.Context(), Options{Out: &buffer{}, Mode: Quiet, Platforms: platforms(t, names...)})
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{d: d, vt: vt100.NewVT100(height, width), clock: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)}
	d.now = func() time.Time { return s.clock }
	s.terminal = d.newTerminal(Options{Out: s.vt, Title: fmt.Sprintf("building for %d platforms", len(names))})
	s.size = func() (int, int) { return s.vt.Width, s.vt.Height }
	d.shows = []show{s}
	return s
}

// close does not need the terminal's close: no goroutine draws.
func (s *screen) close() error { return nil }

func (s *screen) text() string {
	var b strings.Builder
	for _, line := range s.vt.Content {
		b.WriteString(strings.TrimRight(string(line), " ") + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func (s *screen) shows(final bool) string {
	s.draw(final)
	return s.text()
}

// play sends the recording until a step's output contains the words, and sets the clock by the messages.
func (s *screen) play(t *testing.T, lines []recorded, until string) []recorded {
	t.Helper()
	for i, r := range lines {
		found := false
		if r.Status != nil {
			for _, v := range r.Status.Vertexes {
				for _, at := range []*time.Time{v.Started, v.Completed} {
					if at != nil && (at.After(s.clock) || s.clock.Year() == 2026 && s.clock.Month() == 1) {
						s.clock = *at
					}
				}
			}
			for _, l := range r.Status.Logs {
				found = found || strings.Contains(string(l.Data), until)
				if l.Timestamp.After(s.clock) {
					s.clock = l.Timestamp
				}
			}
		}
		if i == 0 && s.begun.Month() == 1 {
			s.begun = s.clock
		}
		play(t, s.d, lines[i:i+1])
		if found && until != "" {
			return lines[i+1:]
		}
	}
	return nil
}

func TestTheTerminalShowsABlockForEachPlatformAndFoldsThoseThatAreDone(t *testing.T) {
	s := newScreen(t, 80, 24, "linux/amd64", "linux/arm64", "linux/arm/v7")
	var frames strings.Builder
	rest := recording(t)
	for i, until := range []string{"generate", "red", "building on aarch64", ""} {
		rest = s.play(t, rest, until)
		fmt.Fprintf(&frames, "==> %d\n%s", i+1, s.shows(until == ""))
	}
	golden(t, "frames.txt", frames.String())
}

// running makes a lane's step run for some seconds already, with lines of output.
func (s *screen) running(t *testing.T, platform, name string, seconds, lines int) {
	t.Helper()
	begun := s.clock.Add(-time.Duration(seconds) * time.Second)
	d := digest.FromString(platform + name)
	status := &client.SolveStatus{Vertexes: []*client.Vertex{{Digest: d, Name: name, Started: &begun}}}
	for i := range lines {
		status.Logs = append(status.Logs, &client.VertexLog{Vertex: d, Data: fmt.Appendf(nil, "%s %d\n", strings.Fields(name)[1], i+1)})
	}
	s.d.Status(platforms(t, platform)[0], status)
}

func (s *screen) exported(t *testing.T, platform string) {
	t.Helper()
	v := &client.Vertex{Digest: digest.FromString(platform), Name: "exporting to image", Started: &s.clock, Completed: &s.clock}
	s.d.Status(platforms(t, platform)[0], &client.SolveStatus{Vertexes: []*client.Vertex{v}})
	s.d.Status(platforms(t, platform)[0], nil)
}

var eight = []string{
	"linux/386", "linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64", "linux/ppc64le", "linux/riscv64", "linux/s390x",
}

func manyPlatforms(t *testing.T, width, height int) *screen {
	s := newScreen(t, width, height, eight...)
	how := map[string]string{}
	for _, name := range eight {
		how[name] = "emulated (qemu 7.2.22)"
	}
	how["linux/386"], how["linux/amd64"] = "native", "native"
	s.d.Cleared(Plan{How: how})
	s.running(t, "linux/s390x", "[2/3] RUN make a-target-with-a-very-long-name-indeed-that-does-not-fit", 95, 3)
	for i, name := range []string{"linux/arm/v7", "linux/arm64", "linux/ppc64le"} {
		s.running(t, name, "[2/3] RUN make", 10+i, 9)
	}
	s.running(t, "linux/ppc64le", "[other 1/1] RUN test", 5, 0)
	for _, name := range eight[:3] {
		s.exported(t, name)
	}
	return s
}

func TestTheLongestStepsAreShownWhereThereIsLittleRoom(t *testing.T) {
	var frames strings.Builder
	for _, size := range [][2]int{{100, 40}, {100, 15}, {60, 9}, {20, 4}, {5, 2}} {
		s := manyPlatforms(t, size[0], size[1])
		fmt.Fprintf(&frames, "==> %d x %d\n%s", size[0], size[1], s.shows(false))
	}
	golden(t, "sizes.txt", frames.String())
}

func TestADrawingLeavesNothingOfTheOneBefore(t *testing.T) {
	for _, size := range [][2]int{{100, 40}, {100, 15}, {60, 9}, {20, 4}, {2, 2}} {
		s := manyPlatforms(t, size[0], size[1])
		for range 5 {
			s.draw(false)
		}
		for _, name := range eight[3:] {
			s.ran(t, name, "[2/3] RUN make")
			s.exported(t, name)
		}
		s.draw(false)
		got := s.text()
		s.vt, s.drawn = vt100.NewVT100(size[1], size[0]), nil
		s.out = s.vt
		if want := s.shows(false); got != want {
			t.Errorf("%d x %d: got\n%swant\n%s", size[0], size[1], got, want)
		}
	}
}

// ran ends a lane's step.
func (s *screen) ran(t *testing.T, platform, name string) {
	t.Helper()
	v := &client.Vertex{Digest: digest.FromString(platform + name), Name: name, Started: &s.clock, Completed: &s.clock}
	s.d.Status(platforms(t, platform)[0], &client.SolveStatus{Vertexes: []*client.Vertex{v}})
}

func TestNotesAndWarningsStayAboveTheBlocks(t *testing.T) {
	s := newScreen(t, 60, 10, "linux/amd64", "linux/arm64")
	s.d.Note("builder \"x\": creating")
	s.running(t, "linux/arm64", "[2/3] RUN make", 1, 1)
	s.draw(false)
	warning := &client.SolveStatus{Warnings: []*client.VertexWarning{{Short: []byte("FromAsCasing (line 1)")}}}
	for _, p := range platforms(t, "linux/amd64", "linux/arm64") {
		s.d.Status(p, warning)
	}
	want := `builder "x": creating
warning: FromAsCasing (line 1)
[+] building for 2 platforms                           0.0s
 linux/amd64        0/0  waiting                       0.0s
 linux/arm64        0/1                                0.0s
  => [2/3] RUN make                                    0.0s
   | RUN 1
`
	if got := s.shows(false); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestLinesThatANarrowerTerminalHasWrappedAreDrawnOver(t *testing.T) {
	s := newScreen(t, 60, 10, "linux/amd64", "linux/arm64")
	s.running(t, "linux/arm64", "[2/3] RUN make", 1, 0)
	s.draw(false)
	if before, after := s.linesAt(60), s.linesAt(40); before != 4 || after != 4+3 {
		t.Errorf("%d lines, then %d", before, after)
	}
}

func TestAnInterruptedBuildIsShownAsStopped(t *testing.T) {
	s := newScreen(t, 60, 10, "linux/amd64", "linux/arm64")
	s.running(t, "linux/arm64", "[2/3] RUN make", 1, 3)
	s.exported(t, "linux/amd64")
	got := s.shows(true)
	for _, want := range []string{"linux/amd64        1/1  done", "linux/arm64        0/1  stopped"} {
		if !strings.Contains(got, want) || strings.Contains(got, "RUN") {
			t.Errorf("this lacks %q:\n%s", want, got)
		}
	}
}

func TestTheBuildersClockDoesNotMatter(t *testing.T) {
	s := newScreen(t, 60, 10, "linux/amd64")
	begun := s.clock.Add(time.Hour) // there
	v := &client.Vertex{Digest: "sha256:x", Name: "RUN make", Started: &begun}
	s.d.Status(platforms(t, "linux/amd64")[0], &client.SolveStatus{Vertexes: []*client.Vertex{v}})
	s.clock = s.clock.Add(3 * time.Second)
	if got := s.shows(false); !strings.Contains(got, "=> RUN make") || strings.Count(got, "3.0s") != 3 {
		t.Errorf("\n%s", got)
	}
}

func TestColoursAreAskedFor(t *testing.T) {
	env := func(pairs ...string) func(string) (string, bool) {
		return func(name string) (string, bool) {
			for _, p := range pairs {
				if value, ok := strings.CutPrefix(p, name+"="); ok {
					return value, true
				}
			}
			return "", false
		}
	}
	if l := ParseLook(env("NO_COLOR=1", "BUILDKIT_COLORS=run=green")); l != (Style{}) {
		t.Errorf("%+v", l)
	}
	l := ParseLook(env("BUILDKIT_COLORS=run=green:error=255,1,0:cancel=nonsense:x=red:error=1,2", "BUILDKIT_TTY_LOG_LINES=3", "TTY_DISPLAY_RATE=50"))
	if l.Done != colours["green"] || l.Failed.String() != "\x1b[38;5;196m" || l.Cancelled != colours["yellow"] || l.LogLines != 3 || l.Every != 50*time.Millisecond {
		t.Errorf("%+v, %q", l, l.Failed)
	}
}

package progress

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

var update = flag.Bool("update", false, "write the golden files")

// recorded is a line of testdata/build.jsonl, a build of three platforms that was recorded with BuildKit 0.33: the plan, or a
// message of one platform's solve (null at its end). A stage is shared, a step of linux/arm64 fails.
type recorded struct {
	Plan     *Plan
	Platform string
	Status   *client.SolveStatus
}

func recording(t *testing.T) (lines []recorded) {
	t.Helper()
	f, err := os.Open("testdata/build.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		var r recorded
		if err := json.Unmarshal(scan.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, r)
	}
	return lines
}

func platforms(t *testing.T, names ...string) []platform.Platform {
	t.Helper()
	ps, _, err := platform.Parse(names...)
	if err != nil {
		t.Fatal(err)
	}
	return ps
}

func three(t *testing.T) []platform.Platform {
	return platforms(t, "linux/amd64", "linux/arm/v7", "linux/arm64")
}

// play sends the recording to a display.
func play(t *testing.T, d *Display, lines []recorded) {
	t.Helper()
	for _, r := range lines {
		if r.Plan != nil {
			d.Cleared(*r.Plan)
			continue
		}
		d.Status(platforms(t, r.Platform)[0], r.Status)
	}
}

// replayed returns a display's output for the recording, at once: BuildKit's own displays pause between refreshes otherwise.
func replayed(t *testing.T, o Options) (string, *Display) {
	t.Helper()
	t.Setenv("TTY_DISPLAY_RATE", "3600000")
	var out buffer
	o.Out, o.Platforms = &out, three(t)
	d, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	d.Note("a note before")
	play(t, d, recording(t))
	d.Note("a note behind")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String(), d
}

// buffer is a stream that several goroutines write to.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

package report

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
)

func TestWhatIsNotMeasuredIsTakenFromAnEarlierRun(t *testing.T) {
	got := Completed(
		[]measure.Result{{Name: "a", Unit: measure.Millis}, {Name: "b", Unit: measure.Millis, Failed: "no registry"}},
		[]measure.Result{{Name: "b", Unit: measure.MiB}, {Name: "b", Unit: measure.Millis}, {Name: "a", Unit: measure.Millis, Failed: "no engine"}},
	)
	want := []measure.Result{
		{Name: "b", Unit: measure.MiB, Earlier: true}, {Name: "b", Unit: measure.Millis, Earlier: true}, {Name: "a", Unit: measure.Millis},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	one, both := Report{Results: got[2:]}.origin(), Report{Results: got}.origin()
	if !strings.Contains(one, "in one run") || !strings.Contains(both, "not all of one run") {
		t.Errorf("%q, %q", one, both)
	}
}

func TestBounds(t *testing.T) {
	medians := func(name string, u measure.Unit, figures map[string]float64, want ...measure.Bound) measure.Result {
		return measure.Result{Name: name, Unit: u, Median: figures, Want: want}
	}
	at := func(n int, our, their float64) measure.Result {
		r := medians("slope", measure.Millis, map[string]float64{measure.Ours: our, measure.Peer: their})
		r.Point = &measure.Point{Slope: "files", Quantity: "files", At: n}
		return r
	}
	peer, same := measure.Times(1.05, measure.Peer), measure.Times(1.05, measure.Same)
	more := measure.MoreThan(10, measure.Unchecked, "ms more than without")
	got := Verdicts([]measure.Result{
		medians("a build", measure.Millis, map[string]float64{measure.Ours: 104, measure.Peer: 100, measure.Same: 90}, peer, same),
		medians("memory: a build", measure.MiB, map[string]float64{measure.Ours: 30, measure.Peer: 50}, measure.Times(0.45, measure.Peer), same),
		medians("no bound", measure.Millis, map[string]float64{measure.Ours: 9, measure.Peer: 1}),
		medians("binary", measure.Disk, map[string]float64{measure.Ours: 41, measure.Peer: 60}, measure.AtMost(40, "MiB")),
		medians("a push", measure.Requests, map[string]float64{measure.Ours: 11, measure.Peer: 11}, measure.Times(1, measure.Peer)),
		medians("a gate", measure.Millis, map[string]float64{measure.Ours: 62, measure.Unchecked: 50}, more),
		medians("not measured", measure.Millis, nil, peer, more, measure.AtMost(40, "ms")),
		at(10, 30, 60), at(1, 12, 50),
	})
	var words []string
	for _, v := range got {
		words = append(words, fmt.Sprintf("%s %.2f %.2f %s", map[bool]string{true: "met", false: "not met"}[v.Met], v.Found, v.Limit, v.Name))
	}
	want := []string{
		"met 1.04 1.05 a build, ours/peer", "not met 1.16 1.05 a build, ours/same", "not met 0.60 0.45 memory: a build, ours/peer",
		"not met 41.00 40.00 binary, MiB", "met 1.00 1.00 a push, ours/peer", "not met 12.00 10.00 a gate, ms more than without",
		"not met 1.80 1.00 slope, files, each more, ours/peer",
	}
	if diff := cmp.Diff(want, words); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if rep := (Report{Bounds: got[:1]}); !rep.Met() || (Report{Bounds: got}).Met() || (Report{Results: []measure.Result{{Failed: "no engine"}}}).Met() {
		t.Error("a report is met if all of its bounds are and no row has failed")
	}
}

func TestThePageHasATableAndAPictureOfTheSlopes(t *testing.T) {
	at := func(n int, our, their float64) measure.Result {
		medians := map[string]float64{measure.Ours: our, measure.Peer: their}
		return measure.Result{Name: "slope", Unit: measure.Millis, Median: medians, Point: &measure.Point{Slope: "files <new>", Quantity: "files", At: n}}
	}
	rep := Report{Runs: 5, Warm: 1, Results: []measure.Result{
		{Name: "a build", Unit: measure.Millis, Median: map[string]float64{measure.Ours: 50, measure.Peer: 100, measure.BareIndex: 40}},
		at(10, 30, 60), at(1, 12, 24),
		{Name: "far", Unit: measure.Millis, Failed: "no | registry"},
		{Name: "gate", Unit: measure.Millis, Median: map[string]float64{measure.Ours: 51, measure.Unchecked: 50}},
	}, Trace: []Span{{"BuildKit", "exporting", 3, time.Millisecond, 20 * time.Millisecond}}}
	rep.Bounds = []Verdict{{Name: "a build, ours/peer", Limit: 0.6, row: "a build"}, {Name: "a build, ours/same", Limit: 1, row: "a build"}}
	file := filepath.Join(t.TempDir(), "performance.md")
	if err := rep.WritePage(file); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"| a build | ms | 50.0 | 100.0 | 0.50 | 0.6 |  |  | 10.0 |\n", "](performance.svg)\n",
		"| far | ms | not measured: no \\| registry |", "| gate | ms | 51.0 | 50.0 (ours without) | 1.02 |", "| 1 | 20 | BuildKit | exporting | 3 |\n",
		"| files <new> | 1 files | 12.0 | 24.0 | 0.50 |\n| files <new> | 10 files | 30.0 | 60.0 | 0.50 |\n| | each more | 2.00 | 4.00 | 0.50 |\n",
	} {
		if !strings.Contains(string(page), line) {
			t.Errorf("%q is not in\n%s", line, page)
		}
	}
	picture, err := os.Open(strings.TrimSuffix(file, ".md") + ".svg")
	if err != nil {
		t.Fatal(err)
	}
	defer picture.Close()
	shapes := map[string]int{}
	for decoder := xml.NewDecoder(picture); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if begin, ok := token.(xml.StartElement); ok {
			shapes[begin.Name.Local]++
		}
	}
	if shapes["polyline"] != 2 || shapes["circle"] != 4 {
		t.Errorf("it has %v", shapes)
	}
}

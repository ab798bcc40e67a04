package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

func TestMedian(t *testing.T) {
	for name, tt := range map[string]struct {
		figures []float64
		want    float64
	}{
		"an odd number":              {[]float64{9, 1, 5}, 5},
		"an even number":             {[]float64{4, 1, 3, 2}, 2.5},
		"one slow run does not move": {[]float64{1, 1, 1, 900, 1}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := median(tt.figures); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestContestantsTakeTurns(t *testing.T) {
	var log bytes.Buffer
	calls := 0
	r := row{
		name: "turns", unit: millis, before: func() error { calls++; return nil },
		who: []contestant{{ours, []string{"true"}, nil}, {peer, []string{"true"}, nil}},
	}
	res, err := r.measure(t.Context(), plan{warm: 1, runs: 3}, &log)
	if err != nil {
		t.Fatal(err)
	}
	if got := []int{calls, len(res[0].Samples[ours]), len(res[0].Samples[peer])}; !cmp.Equal([]int{8, 3, 3}, got) {
		t.Errorf("preparations, our samples, the peer's: %v", got)
	}
}

func TestTheTrafficOfEachRunIsCountedAlone(t *testing.T) {
	line := &faultregistry.Line{Next: http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { _, _ = io.Copy(io.Discard, req.Body) })}
	server := httptest.NewServer(line)
	t.Cleanup(server.Close)
	send := []string{"curl", "-s", "-d", strings.Repeat("x", 5000), server.URL}
	r := row{name: "sending", unit: sent, also: []unit{asked}, line: line, who: []contestant{{ours, send, nil}}}
	results, err := r.measure(t.Context(), plan{warm: 1, runs: 2}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]float64{}
	for _, res := range results {
		got[res.Name] = res.Samples[ours]
	}
	if diff := cmp.Diff(map[string][]float64{"sending": {0.005, 0.005}, "requests: sending": {1, 1}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAContestantThatFailsIsToldWithItsWords(t *testing.T) {
	r := row{name: "failing", who: []contestant{{ours, []string{"sh", "-c", "echo no registry >&2; exit 3"}, nil}}}
	_, err := r.measure(t.Context(), plan{runs: 1}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "no registry") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
}

func TestARowThatFailsIsToldAndTheOthersAreMeasured(t *testing.T) {
	failing := contestant{ours, []string{"sh", "-c", "echo first; echo no registry >&2; exit 3"}, nil}
	tidied := 0
	groups := []group{
		{"clouds", func(context.Context) ([]row, error) { return nil, errors.New("there are none") }},
		{"others", func(context.Context) ([]row, error) {
			return []row{
				{name: "failing", unit: millis, who: []contestant{failing}, tidy: func() { tidied++ }},
				{name: "skipped", unit: millis, who: []contestant{failing}},
				{name: "wanted", unit: millis, who: []contestant{{ours, []string{"true"}, nil}}},
			}, nil
		}},
	}
	o, err := parse([]string{"-runs", "2", "-warm", "0", "-skip", "skip"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	results, err := measure(t.Context(), groups, o, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range results {
		got = append(got, fmt.Sprintf("%s %q %d", r.Name, r.Failed, len(r.Samples[ours])))
	}
	want := []string{`rows about clouds "there are none" 0`, `failing "no registry" 0`, `wanted "" 2`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if tidied != 1 {
		t.Errorf("disk was given back %d times", tidied)
	}

	o.within = time.Nanosecond
	if results, err = measure(t.Context(), groups, o, io.Discard); err != nil || results[len(results)-1].Failed != errNoTime.Error() {
		t.Errorf("without time: %+v, %v", results, err)
	}
}

func TestWhatIsNotMeasuredIsTakenFromAnEarlierRun(t *testing.T) {
	got := completed(
		[]result{{Name: "a", Unit: millis}, {Name: "b", Unit: millis, Failed: "no registry"}},
		[]result{{Name: "b", Unit: mib}, {Name: "b", Unit: millis}, {Name: "a", Unit: millis, Failed: "no engine"}},
	)
	want := []result{{Name: "b", Unit: mib, Earlier: true}, {Name: "b", Unit: millis, Earlier: true}, {Name: "a", Unit: millis}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if one, both := (report{Results: got[2:]}).origin(), (report{Results: got}).origin(); !strings.Contains(one, "in one run") || !strings.Contains(both, "not all of one run") {
		t.Errorf("%q, %q", one, both)
	}
}

func TestTheStepsOfAllPlatformsAreOneSpan(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	steps, err := stepsIn(strings.NewReader(`{"vertexes":[{"digest":"a","name":"[linux/arm64 2/2] RUN x","started":"2026-01-02T03:04:05.010Z"}]}
		{"vertexes":[{"digest":"a","name":"[linux/arm64 2/2] RUN x","started":"2026-01-02T03:04:05.010Z","completed":"2026-01-02T03:04:05.030Z"}]}
		{"vertexes":[{"digest":"b","name":"[linux/arm/v7 2/2] RUN x","started":"2026-01-02T03:04:05.020Z","completed":"2026-01-02T03:04:05.040Z"}]}
		{"vertexes":[{"digest":"c","name":"[linux/arm64] exporting","started":"2026-01-02T03:04:05.001Z","completed":"2026-01-02T03:04:05.002Z"}]}`), began)
	if err != nil {
		t.Fatal(err)
	}
	const ms = time.Millisecond
	want := []span{{"BuildKit", "exporting", 1, ms, 2 * ms}, {"BuildKit", "[2/2] RUN x", 2, 10 * ms, 40 * ms}}
	if diff := cmp.Diff(want, together(steps)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBounds(t *testing.T) {
	medians := func(name string, u unit, figures map[string]float64) result {
		return result{Name: name, Unit: u, Median: figures}
	}
	got := verdicts([]result{
		medians("a build", millis, map[string]float64{ours: 104, peer: 100, same: 90}),
		medians("memory: a build", mib, map[string]float64{ours: 30, peer: 50, same: 50}),
		medians(startUp+": version", millis, map[string]float64{ours: 3, peer: 10}),
		medians(startUp+": "+throughDocker, millis, map[string]float64{ours: 9, peer: 10}),
		medians("binary", size, map[string]float64{ours: 41, peer: 60}),
		medians("a push", sent, map[string]float64{ours: 1.2, peer: 1}),
		medians("a push", asked, map[string]float64{ours: 11, peer: 11}),
	})
	var words []string
	for _, v := range got {
		words = append(words, map[bool]string{true: "met ", false: "not met "}[v.Met]+v.Name)
	}
	want := []string{
		"met a build, ours/peer", "not met a build, ours/same", "not met memory: a build, ours/peer", "met " + startUp + ": version, ours/peer",
		"not met binary, MiB", "not met a push, ours/peer", "met a push, ours/peer",
	}
	if diff := cmp.Diff(want, words); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestThePageHasATableAndAPictureOfTheSlopes(t *testing.T) {
	at := func(n int, our, their float64) result {
		return result{Name: "slope", Unit: millis, Median: map[string]float64{ours: our, peer: their}, Point: &point{"files <new>", "files", n}}
	}
	rep := report{Runs: 5, Warm: 1, Results: []result{
		{Name: "a build", Unit: millis, Median: map[string]float64{ours: 50, peer: 100, bareIndex: 40}},
		at(10, 30, 60), at(1, 12, 24),
		{Name: "far", Unit: millis, Failed: "no | registry"},
		{Name: "gate", Unit: millis, Median: map[string]float64{ours: 51, unchecked: 50}},
	}, Trace: []span{{"BuildKit", "exporting", 3, time.Millisecond, 20 * time.Millisecond}}}
	rep.Bounds = []verdict{{Name: "a build, ours/peer", Limit: 0.6, row: "a build"}, {Name: "a build, ours/same", Limit: 1, row: "a build"}}
	file := filepath.Join(t.TempDir(), "performance.md")
	if err := rep.writePage(file); err != nil {
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

func TestTheServersCPUTimeCountsWithThatOfItsClient(t *testing.T) {
	if _, err := cpuOf(os.Getpid()); err != nil {
		t.Skip("no /proc: ", err)
	}
	server := exec.Command("sh", "-c", "read line; while :; do :; done")
	start, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	// The client ends once the server has used CPU time.
	wait := fmt.Sprintf(`while [ "$(cut -d' ' -f14 /proc/%d/stat)" -lt 20 ]; do :; done`, server.Process.Pid)
	if _, err := start.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	r := row{unit: cpu, server: map[string]int{ours: server.Process.Pid}}
	s, err := r.observe(t.Context(), contestant{ours, []string{"sh", "-c", wait}, os.Environ()})
	if err != nil || s.cpu < 100*time.Millisecond {
		t.Errorf("%v, %v", s.cpu, err)
	}
	if _, err := cpuOf(-1); err == nil {
		t.Error("a process that is not there has used CPU time")
	}
}

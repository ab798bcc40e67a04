package measure

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
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
	r := Row{
		Name: "turns", Unit: Millis, Before: func() error { calls++; return nil },
		Who: []Contestant{{Ours, []string{"true"}, nil}, {Peer, []string{"true"}, nil}},
	}
	res, err := r.Measure(t.Context(), Plan{Warm: 1, Runs: 3}, &log)
	if err != nil {
		t.Fatal(err)
	}
	if got := []int{calls, len(res[0].Samples[Ours]), len(res[0].Samples[Peer])}; !cmp.Equal([]int{8, 3, 3}, got) {
		t.Errorf("preparations, our samples, the peer's: %v", got)
	}
}

func TestTheTrafficOfEachRunIsCountedAlone(t *testing.T) {
	line := &faultregistry.Line{Next: http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { _, _ = io.Copy(io.Discard, req.Body) })}
	server := httptest.NewServer(line)
	t.Cleanup(server.Close)
	send := []string{"curl", "-s", "-d", strings.Repeat("x", 5000), server.URL}
	r := Row{Name: "sending", Unit: Sent, Also: []Also{{Unit: Requests}}, Traffic: line.Traffic, Who: []Contestant{{Ours, send, nil}}}
	results, err := r.Measure(t.Context(), Plan{Warm: 1, Runs: 2}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]float64{}
	for _, res := range results {
		got[res.Name] = res.Samples[Ours]
	}
	if diff := cmp.Diff(map[string][]float64{"sending": {0.005, 0.005}, "requests: sending": {1, 1}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAContestantThatFailsIsToldWithItsWords(t *testing.T) {
	r := Row{Name: "failing", Who: []Contestant{{Ours, []string{"sh", "-c", "echo no registry >&2; exit 3"}, nil}}}
	_, err := r.Measure(t.Context(), Plan{Runs: 1}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "no registry") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
}

func TestTheServersCPUTimeCountsWithThatOfItsClient(t *testing.T) {
	if _, err := CPUOf(os.Getpid()); err != nil {
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
	r := Row{Unit: CPU, Server: map[string]int{Ours: server.Process.Pid}}
	s, err := r.observe(t.Context(), Contestant{Ours, []string{"sh", "-c", wait}, os.Environ()})
	if err != nil || s.cpu < 100*time.Millisecond {
		t.Errorf("%v, %v", s.cpu, err)
	}
	if _, err := CPUOf(-1); err == nil {
		t.Error("a process that is not there has used CPU time")
	}
}

func TestABoundIsAMultipleAFigureOrADifference(t *testing.T) {
	median := map[string]float64{Ours: 120, Peer: 100}
	for name, tt := range map[string]struct {
		bound Bound
		name  string
		found float64
		ok    bool
	}{
		"a multiple":              {Times(1.05, Peer), "a build, ours/peer", 1.2, true},
		"a figure":                {AtMost(40, "MiB"), "a build, MiB", 120, true},
		"a figure without a unit": {AtMost(40, ""), "a build", 120, true},
		"a difference":            {MoreThan(10, Peer, "ms more than others"), "a build, ms more than others", 20, true},
		"no such contestant":      {Times(1.05, Same), "a build, ours/same", 0, false},
		"nothing to subtract":     {MoreThan(10, Same, "ms"), "a build, ms", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			if found, ok := tt.bound.Found(median); found != tt.found || ok != tt.ok {
				t.Errorf("found %v, %v", found, ok)
			}
			if got := tt.bound.Name("a build"); got != tt.name {
				t.Errorf("its name is %q", got)
			}
		})
	}
	if found, ok := AtMost(40, "MiB").Found(nil); ok {
		t.Errorf("without a measurement it found %v", found)
	}
}

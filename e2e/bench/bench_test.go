package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
	if got := []int{calls, len(res.Samples[ours]), len(res.Samples[peer])}; !cmp.Equal([]int{8, 3, 3}, got) {
		t.Errorf("preparations, our samples, the peer's: %v", got)
	}
}

func TestTheTrafficOfEachRunIsCountedAlone(t *testing.T) {
	line := &faultregistry.Line{Next: http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { _, _ = io.Copy(io.Discard, req.Body) })}
	server := httptest.NewServer(line)
	t.Cleanup(server.Close)
	send := []string{"curl", "-s", "-d", strings.Repeat("x", 5000), server.URL}
	for u, want := range map[unit]float64{sent: 0.005, asked: 1} {
		r := row{name: "sending", unit: u, line: line, who: []contestant{{ours, send, nil}}}
		res, err := r.measure(t.Context(), plan{warm: 1, runs: 2}, &bytes.Buffer{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]float64{want, want}, res.Samples[ours]); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", u, diff)
		}
	}
}

func TestAContestantThatFailsIsToldWithItsWords(t *testing.T) {
	r := row{name: "failing", who: []contestant{{ours, []string{"sh", "-c", "echo no registry >&2; exit 3"}, nil}}}
	_, err := r.measure(t.Context(), plan{runs: 1}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "no registry") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
}

func TestBounds(t *testing.T) {
	medians := func(name string, u unit, figures map[string]float64) result {
		return result{Name: name, Unit: u, Median: figures}
	}
	got := verdicts([]result{
		medians("a build", millis, map[string]float64{ours: 104, peer: 100, same: 90}),
		medians("memory: a build", mib, map[string]float64{ours: 30, peer: 50, same: 50}),
		medians(startUp+": version", millis, map[string]float64{ours: 4, peer: 10}),
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

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
	"github.com/docker-multiarch/docker-multiarch/e2e/bench/report"
)

func TestARowThatFailsIsToldAndTheOthersAreMeasured(t *testing.T) {
	failing := measure.Contestant{Name: measure.Ours, Cmd: []string{"sh", "-c", "echo first; echo no registry >&2; exit 3"}}
	tidied := 0
	groups := []group{
		{"clouds", func(context.Context) ([]measure.Row, error) { return nil, errors.New("there are none") }},
		{"others", func(context.Context) ([]measure.Row, error) {
			return []measure.Row{
				{Name: "failing", Unit: measure.Millis, Who: []measure.Contestant{failing}, Tidy: func() { tidied++ }},
				{Name: "skipped", Unit: measure.Millis, Who: []measure.Contestant{failing}},
				{Name: "wanted", Unit: measure.Millis, Who: []measure.Contestant{{Name: measure.Ours, Cmd: []string{"true"}}}},
			}, nil
		}},
	}
	o, err := parse([]string{"-runs", "2", "-warm", "0", "-skip", "skip"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	results, err := measured(t.Context(), groups, o, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range results {
		got = append(got, fmt.Sprintf("%s %q %d", r.Name, r.Failed, len(r.Samples[measure.Ours])))
	}
	want := []string{`rows about clouds "there are none" 0`, `failing "no registry" 0`, `wanted "" 2`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if tidied != 1 {
		t.Errorf("disk was given back %d times", tidied)
	}

	o.within = time.Nanosecond
	if results, err = measured(t.Context(), groups, o, io.Discard); err != nil || results[len(results)-1].Failed != errNoTime.Error() {
		t.Errorf("without time: %+v, %v", results, err)
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
	want := []report.Span{
		{Who: "BuildKit", What: "exporting", Count: 1, From: ms, To: 2 * ms}, {Who: "BuildKit", What: "[2/2] RUN x", Count: 2, From: 10 * ms, To: 40 * ms},
	}
	if diff := cmp.Diff(want, report.Together(steps)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheBoundsOfRows(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		plugin: program, peer: program, ways: []way{{name: "socket"}, {name: "exec"}},
		cases: []scenario{{name: "a build", memory: true, want: by(0.5, 0.7)}},
	}
	var got []string
	for _, rowsOf := range []func(context.Context) ([]measure.Row, error){w.plain, w.starts, w.sizes, w.plans} {
		rows, err := rowsOf(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			for _, b := range r.Want {
				got = append(got, fmt.Sprint(b.Name(r.Name), " ", b.Limit))
			}
		}
	}
	want := []string{
		"a build (socket), ours/peer 0.5", "a build (socket), ours/same 1.05", "a build (exec), ours/peer 0.7", "a build (exec), ours/same 1.05",
		"memory: a build, ours/peer 0.45", "start-up: version, ours/peer 0.3", "start-up: plugin metadata, ours/peer 0.3",
		"binary, MiB 40", "plan of 3 platforms, bases known, ms 250",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

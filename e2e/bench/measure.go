package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

// contestant is one of the programs that a row compares.
type contestant struct {
	name string
	cmd  []string
	env  []string
}

// row is one line of the table: the measurement, the contestants, and the preparation before each run.
type row struct {
	name string
	unit unit
	who  []contestant
	// before is called ahead of every single run, outside of the time; nil does nothing.
	before func() error
	// times is a multiple of the runs of other rows; 0 means 1. Rows of some milliseconds need more runs for a median.
	times int
	// runs is the number of runs of a row that takes long, without any before; 0 means those of other rows.
	runs int
	// line carries the contestants' requests to the registry, and counts them; nil for units that need none.
	line *faultregistry.Line
	// given are figures that need no run, by contestant.
	given map[string]float64
}

type unit string

// These are the units: of time, of peak resident memory, of a file's size, of uploads to a registry, and of requests to one.
const (
	millis unit = "ms"
	mib    unit = "MiB"
	size   unit = "MiB on disk"
	sent   unit = "MB sent"
	asked  unit = "requests"
)

type plan struct{ warm, runs int }

// result is the measurement of a row: all figures of each contestant, in the order of the runs.
type result struct {
	Name    string               `json:"name"`
	Unit    unit                 `json:"unit"`
	Samples map[string][]float64 `json:"samples"`
	Median  map[string]float64   `json:"median"`
}

// measure runs the contestants in turns. Each round begins with another one.
func (r row) measure(ctx context.Context, p plan, log io.Writer) (result, error) {
	res := result{Name: r.name, Unit: r.unit, Samples: map[string][]float64{}, Median: map[string]float64{}}
	for name, figure := range r.given {
		res.Samples[name], res.Median[name] = []float64{figure}, figure
	}
	if len(r.who) == 0 {
		return res, nil
	}
	if r.runs > 0 {
		p = plan{runs: r.runs}
	}
	began := time.Now()
	fmt.Fprintf(log, "bench: %-52s", r.name)
	for round := range p.warm + p.runs*max(r.times, 1) {
		for i := range r.who {
			c := r.who[(i+round)%len(r.who)]
			if r.before != nil {
				if err := r.before(); err != nil {
					return res, err
				}
			}
			s, err := r.observe(ctx, c)
			if err != nil {
				return res, err
			}
			if round >= p.warm {
				res.Samples[c.name] = append(res.Samples[c.name], s.in(r.unit))
			}
		}
	}
	for _, c := range r.who {
		res.Median[c.name] = median(res.Samples[c.name])
	}
	fmt.Fprintf(log, " %6.1f s\n", time.Since(began).Seconds())
	return res, nil
}

// sample is one run.
type sample struct {
	wall            time.Duration
	peak            int64 // bytes
	requests, bytes int64 // to the registry
}

func (s sample) in(u unit) float64 {
	switch u {
	case mib:
		return float64(s.peak) / (1 << 20)
	case sent:
		return float64(s.bytes) / 1e6
	case asked:
		return float64(s.requests)
	}
	return float64(s.wall.Microseconds()) / 1000
}

// observe runs a contestant once, and reads the traffic of the row's line.
func (r row) observe(ctx context.Context, c contestant) (sample, error) {
	if r.line == nil {
		return observe(ctx, c)
	}
	r.line.Traffic() // forget the traffic so far
	s, err := observe(ctx, c)
	s.requests, s.bytes = r.line.Traffic()
	return s, err
}

// observe runs a contestant once. The peak is that of the process and of the children that it waited for. It is never less
// than this program's own, since a new process shares its parent's memory until it executes; so this program stays small, and
// the BuildKit client lives in another one.
func observe(ctx context.Context, c contestant) (sample, error) {
	cmd := exec.CommandContext(ctx, c.cmd[0], c.cmd[1:]...)
	cmd.Env = c.env
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var said bytes.Buffer
	cmd.Stderr = &said
	began := time.Now()
	err := cmd.Run()
	s := sample{wall: time.Since(began)}
	if ctx.Err() != nil {
		return s, ctx.Err()
	}
	if err != nil {
		return s, fmt.Errorf("%s: %q: %w\n%s", c.name, c.cmd, err, said.Bytes())
	}
	s.peak = peak(cmd.ProcessState)
	return s, nil
}

func median(figures []float64) float64 {
	if len(figures) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(figures))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

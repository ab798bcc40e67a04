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
	also []unit // of which the same runs give figures
	who  []contestant
	// want is the most that ours may need, as a multiple of what the peer needs, or without a peer as a figure; 0: see report.go.
	want float64
	// before is called ahead of every single run, outside of the time; nil does nothing.
	before func() error
	// times is a multiple of the runs of other rows; 0 means 1. Rows of some milliseconds need more runs for a median.
	times int
	// runs is the number of runs of a row that takes long, after a number of its own; 0 means those of other rows.
	runs, warm int
	// prepare completes a row before the first run, such as one whose files are many or large; nil does nothing.
	prepare func(*row) error
	// tidy gives back the disk that the row has taken, after the last run; nil does nothing.
	tidy  func()
	point *point // on a slope; nil for others
	// busy keeps all CPUs busy with other programs during the runs.
	busy bool
	// server is the number of the process whose CPU time counts with that of the contestant; 0 means none.
	server map[string]int
	// line carries the contestants' requests to the registry, and counts them; nil for units that need none.
	line *faultregistry.Line
	// given are figures that need no run, by contestant.
	given map[string]float64
}

type unit string

// These are the units: of time, of CPU time, of peak resident memory, of a file's size, of uploads to a registry, and of requests to one.
const (
	millis unit = "ms"
	mib    unit = "MiB"
	size   unit = "MiB on disk"
	sent   unit = "MB sent"
	asked  unit = "requests"
	cpu    unit = "ms of CPU"
)

type plan struct{ warm, runs int }

// result is the measurement of a row in one unit: all figures of each contestant, in the order of the runs.
type result struct {
	Name    string               `json:"name"`
	Unit    unit                 `json:"unit"`
	Samples map[string][]float64 `json:"samples"`
	Median  map[string]float64   `json:"median"`
	Want    float64              `json:"want,omitempty"`
	Point   *point               `json:"point,omitempty"`
	Failed  string               `json:"failed,omitempty"`  // why there are no figures
	Earlier bool                 `json:"earlier,omitempty"` // the figures are those of another run of this program
}

// results returns one for each unit of the row, without figures.
func (r row) results() []result {
	all := []result{{Name: r.name, Unit: r.unit, Want: r.want, Point: r.point}}
	for _, u := range r.also {
		all = append(all, result{Name: map[unit]string{mib: "memory: ", asked: "requests: "}[u] + r.name, Unit: u})
	}
	for i := range all {
		all[i].Samples, all[i].Median = map[string][]float64{}, map[string]float64{}
	}
	return all
}

// measure runs the contestants in turns. Each round begins with another one.
func (r row) measure(ctx context.Context, p plan, log io.Writer) ([]result, error) {
	if r.tidy != nil {
		defer r.tidy()
	}
	if r.prepare != nil {
		if err := r.prepare(&r); err != nil {
			return nil, err
		}
	}
	all := r.results()
	for name, figure := range r.given {
		all[0].Samples[name], all[0].Median[name] = []float64{figure}, figure
	}
	if len(r.who) == 0 {
		return all, nil
	}
	if r.busy {
		stop, err := keepBusy()
		if err != nil {
			return nil, err
		}
		defer stop()
	}
	began := time.Now()
	fmt.Fprintf(log, "bench: %-80s", r.name)
	if err := r.rounds(ctx, r.plan(p), all); err != nil {
		fmt.Fprintln(log)
		return nil, err
	}
	for _, res := range all {
		for _, c := range r.who {
			res.Median[c.name] = median(res.Samples[c.name])
		}
	}
	fmt.Fprintf(log, " %6.1f s\n", time.Since(began).Seconds())
	return all, nil
}

// plan returns how often the row's contestants run.
func (r row) plan(p plan) plan {
	if r.runs > 0 {
		return plan{warm: min(r.warm, p.warm), runs: min(r.runs, p.runs)}
	}
	return plan{warm: p.warm, runs: p.runs * max(r.times, 1)}
}

// rounds adds the figures of all runs to the results.
func (r row) rounds(ctx context.Context, p plan, all []result) error {
	for round := range p.warm + p.runs {
		for i := range r.who {
			c := r.who[(i+round)%len(r.who)]
			if r.before != nil {
				if err := r.before(); err != nil {
					return err
				}
			}
			s, err := r.observe(ctx, c)
			if err != nil {
				return err
			}
			if round < p.warm {
				continue
			}
			for _, res := range all {
				res.Samples[c.name] = append(res.Samples[c.name], s.in(res.Unit))
			}
		}
	}
	return nil
}

// sample is one run.
type sample struct {
	wall            time.Duration
	peak            int64         // bytes
	cpu             time.Duration // of the process, the children that it waited for, and a server
	requests, bytes int64         // to the registry
}

func (s sample) in(u unit) float64 {
	switch u {
	case mib:
		return float64(s.peak) / (1 << 20)
	case sent:
		return float64(s.bytes) / 1e6
	case asked:
		return float64(s.requests)
	case cpu:
		return float64(s.cpu.Microseconds()) / 1000
	}
	return float64(s.wall.Microseconds()) / 1000
}

// observe runs a contestant once, and reads what its server has used and the traffic of the row's line.
func (r row) observe(ctx context.Context, c contestant) (sample, error) {
	if pid := r.server[c.name]; pid != 0 {
		before, err := cpuOf(pid)
		if err != nil {
			return sample{}, err
		}
		s, err := observe(ctx, c)
		if err != nil {
			return s, err
		}
		after, err := cpuOf(pid)
		s.cpu += after - before
		return s, err
	}
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
	s.peak, s.cpu = peak(cmd.ProcessState), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
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

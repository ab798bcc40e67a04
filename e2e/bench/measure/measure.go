// Package measure measures programs side by side: it runs the contestants of a row in turns, and keeps the figures of all runs.
// Each round begins with another contestant, so that other load on the machine affects all of them.
//
// A row belongs to the goroutine that measures it. Contestants run one at a time.
package measure

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// Row is one line of the table: the measurement, the contestants, and the preparation before each run.
type Row struct {
	Name string
	Unit Unit
	Also []Also // other units of which the same runs give figures
	Who  []Contestant
	Want []Bound
	// Before is called ahead of every single run, outside of the time; nil does nothing.
	Before func() error
	// Times is a multiple of the runs of other rows; 0 means 1. Rows of some milliseconds need more runs for a median.
	Times int
	// Runs is the number of runs of a row that takes long, and Warm that of the runs before those. If Runs is 0, both are those of other
	// rows.
	Runs, Warm int
	// Prepare completes a row before the first run, such as one whose files are many or large; nil does nothing.
	Prepare func(*Row) error
	// Tidy gives back the disk that the row has taken, after the last run; nil does nothing.
	Tidy  func()
	Point *Point // on a slope; nil for others
	// Busy keeps all CPUs busy with other programs during the runs.
	Busy bool
	// Server is the number of the process whose CPU time counts with that of the contestant; 0 means none.
	Server map[string]int
	// Traffic returns the requests of all contestants to the registry, and the bytes of their bodies, since its last call. It is nil for
	// units that need neither.
	Traffic func() (requests, bytes int64)
	// Given are figures that need no run, by contestant.
	Given map[string]float64
}

// Also is one more unit of a row, with bounds of its own.
type Also struct {
	Unit Unit
	Want []Bound
}

// Plan is the number of runs of each contestant: first those that do not count, then those that do.
type Plan struct{ Warm, Runs int }

// Point is the place of a row on a slope, which shows how time grows with one quantity.
type Point struct {
	Slope    string `json:"slope"`
	Quantity string `json:"quantity"`
	At       int    `json:"at"`
}

// Result is the measurement of a row in one unit: all figures of each contestant, in the order of the runs.
type Result struct {
	Name    string               `json:"name"`
	Unit    Unit                 `json:"unit"`
	Samples map[string][]float64 `json:"samples"`
	Median  map[string]float64   `json:"median"`
	Want    []Bound              `json:"want,omitempty"`
	Point   *Point               `json:"point,omitempty"`
	Failed  string               `json:"failed,omitempty"`  // why there are no figures
	Earlier bool                 `json:"earlier,omitempty"` // the figures are those of another run of the program
}

// results returns one for each unit of the row, without figures.
func (r Row) results() []Result {
	all := []Result{{Name: r.Name, Unit: r.Unit, Want: r.Want, Point: r.Point}}
	for _, also := range r.Also {
		all = append(all, Result{Name: map[Unit]string{MiB: "memory: ", Requests: "requests: "}[also.Unit] + r.Name, Unit: also.Unit, Want: also.Want})
	}
	for i := range all {
		all[i].Samples, all[i].Median = map[string][]float64{}, map[string]float64{}
	}
	return all
}

// Measure runs the contestants in turns, and writes a line to the log. The results are that of the row's unit, then those of Also in their
// order. The first run that fails ends the measurement.
func (r Row) Measure(ctx context.Context, p Plan, log io.Writer) ([]Result, error) {
	if r.Tidy != nil {
		defer r.Tidy()
	}
	if r.Prepare != nil {
		if err := r.Prepare(&r); err != nil {
			return nil, err
		}
	}
	all := r.results()
	for name, figure := range r.Given {
		all[0].Samples[name], all[0].Median[name] = []float64{figure}, figure
	}
	if len(r.Who) == 0 {
		return all, nil
	}
	if r.Busy {
		stop, err := keepBusy()
		if err != nil {
			return nil, err
		}
		defer stop()
	}
	began := time.Now()
	fmt.Fprintf(log, "bench: %-80s", r.Name)
	if err := r.rounds(ctx, r.plan(p), all); err != nil {
		fmt.Fprintln(log)
		return nil, err
	}
	for _, res := range all {
		for _, c := range r.Who {
			res.Median[c.Name] = median(res.Samples[c.Name])
		}
	}
	fmt.Fprintf(log, " %6.1f s\n", time.Since(began).Seconds())
	return all, nil
}

// plan returns how often the row's contestants run.
func (r Row) plan(p Plan) Plan {
	if r.Runs > 0 {
		return Plan{Warm: min(r.Warm, p.Warm), Runs: min(r.Runs, p.Runs)}
	}
	return Plan{Warm: p.Warm, Runs: p.Runs * max(r.Times, 1)}
}

// rounds adds the figures of all runs to the results.
func (r Row) rounds(ctx context.Context, p Plan, all []Result) error {
	for round := range p.Warm + p.Runs {
		for i := range r.Who {
			c := r.Who[(i+round)%len(r.Who)]
			if r.Before != nil {
				if err := r.Before(); err != nil {
					return err
				}
			}
			s, err := r.observe(ctx, c)
			if err != nil {
				return err
			}
			if round < p.Warm {
				continue
			}
			for _, res := range all {
				res.Samples[c.Name] = append(res.Samples[c.Name], s.in(res.Unit))
			}
		}
	}
	return nil
}

// observe runs a contestant once, with the CPU time of its server and the traffic to the registry.
func (r Row) observe(ctx context.Context, c Contestant) (sample, error) {
	if pid := r.Server[c.Name]; pid != 0 {
		before, err := CPUOf(pid)
		if err != nil {
			return sample{}, err
		}
		s, err := c.observe(ctx)
		if err != nil {
			return s, err
		}
		after, err := CPUOf(pid)
		s.cpu += after - before
		return s, err
	}
	if r.Traffic == nil {
		return c.observe(ctx)
	}
	r.Traffic() // forget the traffic so far
	s, err := c.observe(ctx)
	s.requests, s.bytes = r.Traffic()
	return s, err
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

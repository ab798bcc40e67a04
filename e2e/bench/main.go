// Command bench compares docker multiarch with docker buildx, side by side and on real engines: speed, memory, size. It is `make
// bench`; e2e/env/up.sh must have brought up the engine, the registry and the peer.
//
// # The contestants
//
//   - ours: `docker multiarch build`, as a user calls it.
//   - peer: `docker buildx build` with its docker-container driver, so with a buildkitd of its own, of the same image and on the
//     host's network like ours.
//   - same: `docker buildx build` with its remote driver on our very buildkitd.
//   - bare: a BuildKit client that does nothing but one solve for each platform, pushed by digest; in one variant it also writes
//     the index. The difference between ours and bare is the cost that ours adds (see package bare).
//
// All use one registry and the Docker CLI with a temporary configuration. Attestations are off on both sides.
//
// # The method
//
// The runs of all contestants take turns (see package measure). After some warm-up rounds the medians count. Each case is built in two
// ways, since they differ in cost and users have one or the other: "socket", where the client is root on the engine's machine and
// buildkitd's socket can be reached directly (by "same" too); and "exec", for all other users, where the engine is reached over TCP and
// BuildKit through a command in the container. The peer's own driver supports the second way only.
//
// Images are loaded into the engine itself, and into one with a containerd store where there is one; that one has builders of its
// own.
//
// Several nodes are two bare BuildKits that no engine has started, and on which ours and the peer build in turn.
//
// A far node is one more, behind a proxy of 100 ms each way and 20 MB/s.
//
// A proxy in front of the registry counts the requests to it and the bytes of uploads.
//
// CPU time is that of the client and of the buildkitd that it uses. Beside other work, a program on each CPU takes all that it gets.
//
// A slope shows how time grows with one quantity: platforms, files, steps, bytes.
//
// Each row has its bounds where it is defined. A row that fails, or for which there is no time left, is told as not measured, and the others
// are measured. With -page, the run writes docs/performance.md, with a trace of a build that has nothing to do.
//
// All pushes go to a registry that ends with the run. Contexts of gigabytes are written when their row is measured, and removed after
// it with the caches of the builders.
//
// Memory is the peak resident size of the plugin called directly: through the Docker CLI the larger of the two processes would be
// measured.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
	"github.com/docker-multiarch/docker-multiarch/e2e/bench/report"
)

type options struct {
	plugin string
	json   string
	page   string
	only   *regexp.Regexp
	skip   *regexp.Regexp // nil: nothing
	within time.Duration  // 0: no limit

	earlier []measure.Result
	plan    measure.Plan
	strict  bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string, errs io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(errs)
	f.StringVar(&o.plugin, "plugin", "bin/docker-multiarch", "our `binary`")
	f.StringVar(&o.json, "json", "", "also write all figures to this `file`")
	f.StringVar(&o.page, "page", "", "also write the tables, and a picture of the slopes beside it, to this `file`")
	f.IntVar(&o.plan.Runs, "runs", 15, "measured runs of each")
	f.IntVar(&o.plan.Warm, "warm", 3, "runs of each before those")
	f.BoolVar(&o.strict, "strict", false, "fail when a wanted bound is not met, or a row is not measured")
	f.DurationVar(&o.within, "within", 0, "measure no more after this `time`")
	only := f.String("only", "", "measure only rows whose name matches this `regexp`")
	skip := f.String("skip", "", "measure no rows whose name matches this `regexp`")
	earlier := f.String("earlier", "", "take what is not measured from this `file` that -json has written")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.plan.Runs < 1 || o.plan.Warm < 0 {
		return o, errors.New("-runs must be at least 1 and -warm at least 0")
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, fmt.Errorf("-only: %w", err)
	}
	if *skip != "" {
		if o.skip, err = regexp.Compile(*skip); err != nil {
			return o, fmt.Errorf("-skip: %w", err)
		}
	}
	if *earlier == "" {
		return o, nil
	}
	data, err := os.ReadFile(*earlier)
	if err != nil {
		return o, err
	}
	var rep report.Report
	if err := json.Unmarshal(data, &rep); err != nil {
		return o, fmt.Errorf("%s: %w", *earlier, err)
	}
	o.earlier = rep.Results
	return o, nil
}

// measures reports whether rows of a name are wanted.
func (o options) measures(name string) bool {
	return o.only.MatchString(name) && (o.skip == nil || !o.skip.MatchString(name))
}

func run(ctx context.Context, args []string, out, errs io.Writer) error {
	o, err := parse(args, errs)
	if err != nil {
		return err
	}
	w, err := newWorld(ctx, o.plugin, errs)
	if err != nil {
		return err
	}
	defer w.close()
	machine := w.machine(ctx) // its load before the measurement
	results, err := measured(ctx, w.groups(), o, errs)
	if err != nil {
		return err
	}
	rep := report.Report{Runs: o.plan.Runs, Warm: o.plan.Warm, Machine: machine, Only: o.only.String(), Results: report.Completed(results, o.earlier)}
	rep.Bounds = report.Verdicts(rep.Results)
	rep.Print(out)
	if o.page != "" {
		if rep.Trace, err = w.trace(ctx); err != nil {
			fmt.Fprintln(errs, "bench: no trace:", err)
		}
		if err := rep.WritePage(o.page); err != nil {
			return err
		}
	}
	if o.json != "" {
		data, err := json.MarshalIndent(rep, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.json, append(data, '\n'), 0o644); err != nil {
			return err
		}
	}
	if o.strict && !rep.Met() {
		return errors.New("a wanted bound is not met, or a row is not measured")
	}
	return nil
}

var errNoTime = errors.New("no time was left")

// measured measures the rows that are wanted, and returns their results in the order of the groups. The result of a row that fails has
// the reason.
func measured(ctx context.Context, groups []group, o options, log io.Writer) (results []measure.Result, err error) {
	timed := ctx
	if o.within > 0 {
		var cancel context.CancelFunc
		timed, cancel = context.WithTimeoutCause(ctx, o.within, errNoTime)
		defer cancel()
	}
	for _, g := range groups {
		rows, err := g.rows(timed)
		if err != nil {
			rows = []measure.Row{{Name: "rows about " + g.about, Prepare: func(*measure.Row) error { return err }}}
		}
		for _, r := range rows {
			if !o.measures(r.Name) {
				if err != nil { // its rows may have been among those that are wanted
					fmt.Fprintf(log, "bench: not measured: %s: %v\n", r.Name, err)
				}
				continue
			}
			more, failed := r.Measure(timed, o.plan, log)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if failed != nil {
				if timed.Err() != nil {
					failed = context.Cause(timed)
				}
				fmt.Fprintf(log, "bench: not measured: %s: %v\n", r.Name, failed)
				more = []measure.Result{{Name: r.Name, Unit: r.Unit, Point: r.Point, Failed: lastLine(failed.Error())}}
			}
			results = append(results, more...)
		}
	}
	return results, nil
}

// lastLine returns what a program has said last, which is why it failed.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return strings.TrimSpace(text[strings.LastIndex(text, "\n")+1:])
}

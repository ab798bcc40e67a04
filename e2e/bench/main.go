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
// The runs of all contestants take turns, so that other load on the machine affects all of them, and each round begins with
// another one. After some warm-up rounds the medians count. Each case is built in two ways, since they differ in cost and users
// have one or the other: "socket", where the client is root on the engine's machine and buildkitd's socket can be reached
// directly (by "same" too); and "exec", for all other users, where the engine is reached over TCP and BuildKit through a command
// in the container. The peer's own driver supports the second way only.
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
// A row that fails, or for which there is no time left, is told as not measured, and the others are measured. With -page, the run writes
// docs/performance.md, with a trace of a build that has nothing to do.
//
// What is pushed goes to a registry that ends with the run. Contexts of gigabytes are written when their row is measured, and removed after
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
	"slices"
	"strings"
	"syscall"
	"time"
)

type options struct {
	plugin string
	json   string
	page   string
	only   *regexp.Regexp
	skip   *regexp.Regexp // nil: nothing
	within time.Duration  // 0: no limit

	earlier []result
	plan    plan
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
	f.IntVar(&o.plan.runs, "runs", 15, "measured runs of each")
	f.IntVar(&o.plan.warm, "warm", 3, "runs of each before those")
	f.BoolVar(&o.strict, "strict", false, "fail when a wanted bound is not met, or a row is not measured")
	f.DurationVar(&o.within, "within", 0, "measure no more after this `time`")
	only := f.String("only", "", "measure only rows whose name matches this `regexp`")
	skip := f.String("skip", "", "measure no rows whose name matches this `regexp`")
	earlier := f.String("earlier", "", "take what is not measured from this `file` that -json has written")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.plan.runs < 1 || o.plan.warm < 0 {
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
	var rep report
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
	rep := report{Runs: o.plan.runs, Warm: o.plan.warm, Machine: w.machine(ctx), Only: o.only.String()}
	if rep.Results, err = measure(ctx, w.groups(), o, errs); err != nil {
		return err
	}
	rep.Results = completed(rep.Results, o.earlier)
	rep.Bounds = verdicts(rep.Results)
	rep.print(out)
	if o.page != "" {
		if rep.Trace, err = w.trace(ctx); err != nil {
			fmt.Fprintln(errs, "bench: no trace:", err)
		}
		if err := rep.writePage(o.page); err != nil {
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
	if o.strict && !rep.met() {
		return errors.New("a wanted bound is not met, or a row is not measured")
	}
	return nil
}

var errNoTime = errors.New("no time was left")

// measure measures the rows that are wanted. One that fails has a result that says why.
func measure(ctx context.Context, groups []group, o options, log io.Writer) (results []result, err error) {
	timed := ctx
	if o.within > 0 {
		var cancel context.CancelFunc
		timed, cancel = context.WithTimeoutCause(ctx, o.within, errNoTime)
		defer cancel()
	}
	for _, g := range groups {
		rows, err := g.rows(timed)
		if err != nil {
			rows = []row{{name: "rows about " + g.about, prepare: func(*row) error { return err }}}
		}
		for _, r := range rows {
			if !o.measures(r.name) {
				if err != nil { // its rows may have been among those that are wanted
					fmt.Fprintf(log, "bench: not measured: %s: %v\n", r.name, err)
				}
				continue
			}
			measured, failed := r.measure(timed, o.plan, log)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if failed != nil {
				if timed.Err() != nil {
					failed = context.Cause(timed)
				}
				fmt.Fprintf(log, "bench: not measured: %s: %v\n", r.name, failed)
				measured = []result{{Name: r.name, Unit: r.unit, Point: r.point, Failed: lastLine(failed.Error())}}
			}
			results = append(results, measured...)
		}
	}
	return results, nil
}

// lastLine returns what a program has said last, which is why it failed.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return strings.TrimSpace(text[strings.LastIndex(text, "\n")+1:])
}

// completed puts results in their places among those of an earlier run, of which it keeps what was not measured again.
func completed(results, earlier []result) []result {
	all := slices.Clone(earlier)
	for i := range all {
		all[i].Earlier = true
	}
	for _, r := range results {
		i := slices.IndexFunc(all, func(old result) bool { return old.Name == r.Name && old.Unit == r.Unit })
		switch {
		case i < 0:
			all = append(all, r)
		case r.Failed == "" || all[i].Failed != "":
			all[i] = r
		}
	}
	return all
}

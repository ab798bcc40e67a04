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
	"syscall"
)

type options struct {
	plugin string
	json   string
	only   *regexp.Regexp
	plan   plan
	strict bool
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
	f.IntVar(&o.plan.runs, "runs", 15, "measured runs of each")
	f.IntVar(&o.plan.warm, "warm", 3, "runs of each before those")
	f.BoolVar(&o.strict, "strict", false, "fail when a wanted bound is not met")
	only := f.String("only", "", "measure only rows whose name matches this `regexp`")
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
	return o, nil
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
	rows, err := w.rows(ctx)
	if err != nil {
		return err
	}
	var results []result
	for _, r := range rows {
		if !o.only.MatchString(r.name) {
			continue
		}
		res, err := r.measure(ctx, o.plan, errs)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		results = append(results, res)
	}
	rep := report{Runs: o.plan.runs, Warm: o.plan.warm, Results: results}
	rep.Bounds = verdicts(results)
	rep.print(out)
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
		return errors.New("a wanted bound is not met")
	}
	return nil
}

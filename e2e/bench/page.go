package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

const pageHead = `# Performance

This page compares ` + "`docker multiarch build`" + ` with ` + "`docker buildx build`" + `. %s It is written by

    make bench-page

which takes half an hour, and is to be run on a machine that does nothing else. Single rows are measured again with

    make build test-env
    e2e/env/with.sh go run ./e2e/bench -only 'REGEXP OF NAMES'

*ours* is ` + "`docker multiarch`" + `. *peer* is ` + "`docker buildx`" + ` with its docker-container driver, which has a buildkitd of its own, of the same image.
*same* is ` + "`docker buildx`" + ` on our buildkitd. *bare* is a client of BuildKit that does nothing but one solve for each platform and the index. All use
one registry and take turns. Attestations are off unless a row says otherwise. The word in parentheses is how a client reaches BuildKit: by
the socket, or by a command in the container. Figures are medians of %d runs after %d, or of fewer where a row takes long. A ratio below 1
means that ours is faster, or needs less; *wanted* is the most that it may be.

%s

`

// machine describes the machine and the programs.
func (w *world) machine(ctx context.Context) string {
	load, _ := os.ReadFile("/proc/loadavg") // unknown elsewhere
	first, _, _ := strings.Cut(string(load), " ")
	version := func(words ...string) string {
		cmd := exec.CommandContext(ctx, words[0], words[1:]...)
		cmd.Env = w.ways[0].env
		out, _ := cmd.Output() // without it the page is true as well
		return cmp.Or(regexp.MustCompile(`\bv[0-9]\S*`).FindString(string(out)), "of an unknown version")
	}
	return fmt.Sprintf("Measured on %s: %s/%s with %d CPUs, load average %s before the run; docker buildx %s, BuildKit %s.", time.Now().Format(time.DateOnly),
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), cmp.Or(first, "unknown"), version(w.peer, "version"), version("docker", "exec", ourContainer, "buildkitd", "--version"))
}

// writePage writes the report as a page, with a picture of the slopes beside it.
func (r report) writePage(file string) error {
	var page, picture bytes.Buffer
	fmt.Fprintf(&page, pageHead, r.origin(), r.Runs, r.Warm, r.Machine)
	r.printCases(&page)
	if slopes := bySlope(r.Results); len(slopes) > 0 {
		image := strings.TrimSuffix(file, filepath.Ext(file)) + ".svg"
		fmt.Fprintf(&page, "\n## Slopes\n\nHow the time grows with one quantity:\n\n![the time of a build by platforms, files, steps and bytes](%s)\n\n", filepath.Base(image))
		printSlopes(&page, slopes)
		draw(&picture, slopes)
		if err := os.WriteFile(image, picture.Bytes(), 0o644); err != nil {
			return err
		}
	}
	if len(r.Trace) > 0 {
		fmt.Fprint(&page, "\n## Where the time goes\n\nOne build of 3 platforms that has nothing to rebuild, from the start of the program, without the Docker CLI in front. "+
			"The base image and the\nresult are in one registry. What overlaps is done at the same time.\n\n| from, ms | to, ms | who | what | times |\n|--:|--:|---|---|--:|\n")
		for _, s := range r.Trace {
			fmt.Fprintf(&page, "| %.0f | %.0f | %s | %s | %d |\n", s.From.Seconds()*1000, s.To.Seconds()*1000, s.Who, cell(s.What), s.Count)
		}
	}
	return os.WriteFile(file, page.Bytes(), 0o644)
}

// origin says whether the figures are all of one run.
func (r report) origin() string {
	if slices.ContainsFunc(r.Results, func(r result) bool { return r.Earlier }) {
		return "Its figures are not all of one run: rows marked with * were measured in an earlier one."
	}
	if r.Only != "" {
		return "It has only the rows that `" + r.Only + "` matches, measured in one run on one machine."
	}
	return "Its figures were measured in one run on one machine."
}

// printCases writes a table of the results that are on no slope, and why some have no figures.
func (r report) printCases(out io.Writer) {
	wanted := map[string]verdict{}
	for _, v := range slices.Backward(r.Bounds) { // the first of a row is that against the peer
		wanted[v.row] = v
	}
	fmt.Fprint(out, "| case | unit | ours | peer | ours/peer | wanted | same | ours/same | ours − bare |\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, res := range r.Results {
		m := res.Median
		their, note := m[peer], ""
		if m[unchecked] > 0 {
			their, note = m[unchecked], " (ours without)"
		}
		if res.Failed != "" {
			fmt.Fprintf(out, "| %s | %s | not measured: %s | | | | | | |\n", res.Name, res.Unit, cell(res.Failed))
		} else if res.Point == nil {
			want := ""
			if v, known := wanted[res.Name]; known {
				want = fmt.Sprintf("%g", v.Limit)
			}
			fmt.Fprintf(out, "| %s%s | %s | %s | %s | %s | %s | %s | %s | %s |\n", res.Name, res.mark(), res.Unit, figure(m[ours], m[ours] > 0), figure(their, their > 0)+note,
				quotient(m[ours], their), want, figure(m[same], m[same] > 0), quotient(m[ours], m[same]), figure(m[ours]-m[bareIndex], m[bareIndex] > 0))
		}
	}
}

func (r result) mark() string {
	if r.Earlier {
		return " \\*"
	}
	return ""
}

// cell is text in one cell of a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", "\\|")
}

// printSlopes writes a table of the points, and what one more of the quantity costs between the first point and the last.
func printSlopes(out io.Writer, slopes [][]result) {
	fmt.Fprint(out, "| slope | at | ours, ms | peer, ms | ours/peer |\n|---|--:|--:|--:|--:|\n")
	for _, points := range slopes {
		for _, r := range points {
			fmt.Fprintf(out, "| %s%s | %d %s | %.1f | %.1f | %s |\n", r.Point.Slope, r.mark(), r.Point.At, r.Point.Quantity, r.Median[ours], r.Median[peer],
				quotient(r.Median[ours], r.Median[peer]))
		}
		our, their := steepness(points, ours), steepness(points, peer)
		fmt.Fprintf(out, "| | each more | %.2f | %.2f | %s |\n", our, their, quotient(our, their))
	}
}

// steepness returns the time for each more of the quantity between the first point and the last; 0 if there is only one.
func steepness(points []result, who string) float64 {
	first, last := points[0], points[len(points)-1]
	if len(points) == 1 {
		return 0
	}
	return (last.Median[who] - first.Median[who]) / float64(last.Point.At-first.Point.At)
}

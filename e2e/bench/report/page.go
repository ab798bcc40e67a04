package report

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
)

const pageHead = `# Performance

This page compares ` + "`docker multiarch build`" + ` with ` + "`docker buildx build`" + `. %s It is written by

    make bench-page

which takes half an hour, and is to be run on a machine that does nothing else. Single rows are measured again with

    make build test-env
    e2e/env/with.sh go run ./e2e/bench -only 'REGEXP OF NAMES'

*ours* is ` + "`docker multiarch`" + `. *peer* is ` +
	"`docker buildx`" + ` with its docker-container driver, which has a buildkitd of its own, of the same image.
*same* is ` + "`docker buildx`" + ` on our buildkitd. *bare* is a client of BuildKit that does nothing but one solve for each platform and the index. All use
one registry and take turns. Attestations are off unless a row says otherwise.

The word in parentheses is how a client reaches BuildKit: by the socket, or by a command in the container. Figures are medians of %d runs
after %d, or of fewer where a row takes long. A ratio below 1 means that ours is faster, or needs less; *wanted* is the most that it may be.

%s

`

// WritePage writes the report to a file in Markdown, with a picture of the slopes in an SVG file beside it.
func (r Report) WritePage(file string) error {
	var page, picture bytes.Buffer
	fmt.Fprintf(&page, pageHead, r.origin(), r.Runs, r.Warm, r.Machine)
	r.printCases(&page)
	if slopes := bySlope(r.Results); len(slopes) > 0 {
		image := strings.TrimSuffix(file, filepath.Ext(file)) + ".svg"
		fmt.Fprintf(&page, "\n## Slopes\n\nHow the time grows with one quantity:\n\n")
		fmt.Fprintf(&page, "![the time of a build by platforms, files, steps and bytes](%s)\n\n", filepath.Base(image))
		printSlopes(&page, slopes)
		draw(&picture, slopes)
		if err := os.WriteFile(image, picture.Bytes(), 0o644); err != nil {
			return err
		}
	}
	if len(r.Trace) > 0 {
		fmt.Fprint(&page, "\n## Where the time goes\n\nOne build of 3 platforms that has nothing to rebuild, from the start of the program, "+
			"without the Docker CLI in front. The base image and the\nresult are in one registry. What overlaps is done at the same time.\n\n"+
			"| from, ms | to, ms | who | what | times |\n|--:|--:|---|---|--:|\n")
		for _, s := range r.Trace {
			fmt.Fprintf(&page, "| %.0f | %.0f | %s | %s | %d |\n", s.From.Seconds()*1000, s.To.Seconds()*1000, s.Who, cell(s.What), s.Count)
		}
	}
	return os.WriteFile(file, page.Bytes(), 0o644)
}

// origin returns a sentence about the runs that the figures are of.
func (r Report) origin() string {
	if slices.ContainsFunc(r.Results, func(r measure.Result) bool { return r.Earlier }) {
		return "Its figures are not all of one run: rows marked with * were measured in an earlier one."
	}
	if r.Only != "" {
		return "It has only the rows that `" + r.Only + "` matches, measured in one run on one machine."
	}
	return "Its figures were measured in one run on one machine."
}

// printCases writes a table of the results that are on no slope, and why some have no figures.
func (r Report) printCases(out io.Writer) {
	wanted := map[string]Verdict{}
	for _, v := range slices.Backward(r.Bounds) { // the first of a row is that against the peer
		wanted[v.row] = v
	}
	fmt.Fprint(out, "| case | unit | ours | peer | ours/peer | wanted | same | ours/same | ours − bare |\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, res := range r.Results {
		m := res.Median
		their, note := m[measure.Peer], ""
		if m[measure.Unchecked] > 0 {
			their, note = m[measure.Unchecked], " (ours without)"
		}
		if res.Failed != "" {
			fmt.Fprintf(out, "| %s | %s | not measured: %s | | | | | | |\n", res.Name, res.Unit, cell(res.Failed))
		} else if res.Point == nil {
			want := ""
			if v, known := wanted[res.Name]; known {
				want = fmt.Sprintf("%g", v.Limit)
			}
			our := m[measure.Ours]
			fmt.Fprintf(out, "| %s%s | %s | %s | %s | %s | %s | %s | %s | %s |\n", res.Name, mark(res), res.Unit, figure(our), figure(their)+note,
				quotient(our, their), want, figure(m[measure.Same]), quotient(our, m[measure.Same]), difference(our, m[measure.BareIndex]))
		}
	}
}

// mark follows the name of a result that another run has measured.
func mark(r measure.Result) string {
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
func printSlopes(out io.Writer, slopes [][]measure.Result) {
	fmt.Fprint(out, "| slope | at | ours, ms | peer, ms | ours/peer |\n|---|--:|--:|--:|--:|\n")
	for _, points := range slopes {
		for _, r := range points {
			our, their := r.Median[measure.Ours], r.Median[measure.Peer]
			fmt.Fprintf(out, "| %s%s | %d %s | %.1f | %.1f | %s |\n", r.Point.Slope, mark(r), r.Point.At, r.Point.Quantity, our, their, quotient(our, their))
		}
		our, their := steepness(points, measure.Ours), steepness(points, measure.Peer)
		fmt.Fprintf(out, "| | each more | %.2f | %.2f | %s |\n", our, their, quotient(our, their))
	}
}

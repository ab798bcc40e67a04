// Package report writes the results of measurements: as a table in text, as a page in Markdown with a picture of the slopes, and as JSON.
// It compares the figures with the bounds of their rows.
package report

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
)

// Report is the result of a run of the program, in the order of the rows. A later run can read its JSON.
type Report struct {
	Runs    int              `json:"runs"`
	Warm    int              `json:"warm"`
	Machine string           `json:"machine"`
	Only    string           `json:"only,omitempty"` // the regexp of the names of all rows that were wanted; "": all
	Results []measure.Result `json:"results"`
	Bounds  []Verdict        `json:"bounds"`
	Trace   []Span           `json:"trace,omitempty"`
}

// Met reports whether all bounds are met and all wanted rows were measured.
func (r Report) Met() bool {
	return !slices.ContainsFunc(r.Bounds, func(v Verdict) bool { return !v.Met }) &&
		!slices.ContainsFunc(r.Results, func(r measure.Result) bool { return r.Failed != "" })
}

// Print writes the table in text, then the verdicts.
func (r Report) Print(out io.Writer) {
	fmt.Fprintf(out, "Medians of %d runs after %d, in turns. ", r.Runs, r.Warm)
	fmt.Fprint(out, "ours: docker multiarch; peer: docker buildx, docker-container driver, a buildkitd of its own\n")
	fmt.Fprint(out, "(same image, host network); same: docker buildx, remote driver, on our buildkitd; bare: a plain BuildKit client on our buildkitd.\n\n")
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "case\tours\tpeer\tours/peer\tsame\tours/same\tbare\tbare+index\tours−bare+index\tunchecked\tours/unchecked\t")
	for _, res := range r.Results {
		m := res.Median
		if res.Failed != "" {
			fmt.Fprintf(t, "%s\tnot measured\t\t\t\t\t\t\t\t\t\t\n", res.Name)
			continue
		}
		our := m[measure.Ours]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", res.Name+", "+string(res.Unit),
			figure(our), figure(m[measure.Peer]), quotient(our, m[measure.Peer]), figure(m[measure.Same]), quotient(our, m[measure.Same]),
			figure(m[measure.Bare]), figure(m[measure.BareIndex]), difference(our, m[measure.BareIndex]),
			figure(m[measure.Unchecked]), quotient(our, m[measure.Unchecked]))
	}
	_ = t.Flush()
	fmt.Fprintln(out)
	for _, v := range r.Bounds {
		word := "met"
		if !v.Met {
			word = "NOT met"
		}
		fmt.Fprintf(out, "%-8s %.2f (wanted at most %.2f)  %s\n", word, v.Found, v.Limit, v.Name)
	}
}

// Completed puts results in their places among those of an earlier run, of which it keeps those that were not measured again.
func Completed(results, earlier []measure.Result) []measure.Result {
	all := slices.Clone(earlier)
	for i := range all {
		all[i].Earlier = true
	}
	for _, r := range results {
		i := slices.IndexFunc(all, func(old measure.Result) bool { return old.Name == r.Name && old.Unit == r.Unit })
		switch {
		case i < 0:
			all = append(all, r)
		case r.Failed == "" || all[i].Failed != "":
			all[i] = r
		}
	}
	return all
}

// figure, quotient and difference return "" where there is no figure.
func figure(f float64) string {
	if f == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f", f)
}

func quotient(a, b float64) string {
	if b == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", a/b)
}

func difference(a, b float64) string {
	if b == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f", a-b)
}

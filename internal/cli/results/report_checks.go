package results

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/findings"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// These bound the lists of a report. The metadata file has all entries.
const (
	mostFindings = 50
	mostOutputs  = 10
	outputBytes  = 3 << 10
)

// findings returns the list of findings about the executables, errors first, with advice.
func (o Outcome) findings() string {
	all := findings.Merged(findings.OfReport(o.Report))
	if len(all) == 0 {
		return ""
	}
	rows := [][]string{{"Severity", "Check", "Platform", "Finding"}}
	for _, d := range all[:min(len(all), mostFindings)] {
		severity := string(d.Severity)
		if d.Refuses() {
			severity = "**" + severity + "**"
		}
		rows = append(rows, []string{severity, mdCode(d.Check), mdText(findings.PlatformNames(d)), mdText(endOf(d.Text(), outputBytes))})
	}
	text := mdTable(rows)
	if len(all) > mostFindings {
		text += fmt.Sprintf("\n%d more are in the metadata file.\n", len(all)-mostFindings)
	}
	for _, hint := range findings.Hints(all) {
		text += "\n" + mdText(hint) + "\n"
	}
	return text
}

// tests returns a table of the tests, with a column for each tested platform, and the ends of the failed tests' outputs.
func (o Outcome) tests() string {
	var names []string
	titles := []string{"Test"}
	outcomes := map[string][]smoke.Outcome{} // by test
	for _, p := range o.Report.Platforms {
		if len(p.Tests) == 0 {
			continue
		}
		titles = append(titles, mdCode(platform.Format(p.Platform)))
		for _, t := range p.Tests {
			if !slices.Contains(names, t.Test) {
				names = append(names, t.Test)
			}
			outcomes[t.Test] = append(outcomes[t.Test], t)
		}
	}
	if len(names) == 0 {
		return ""
	}
	rows := [][]string{titles}
	var failed []smoke.Outcome
	for _, name := range names {
		row := []string{mdCode(name)}
		for _, title := range titles[1:] {
			i := slices.IndexFunc(outcomes[name], func(t smoke.Outcome) bool { return mdCode(platform.Format(t.Platform)) == title })
			if i < 0 {
				row = append(row, "-")
				continue
			}
			t := outcomes[name][i]
			word := "passed"
			if !t.Passed {
				word, failed = "**failed**", append(failed, t)
			}
			row = append(row, word+" "+secondsText(t.Seconds))
		}
		rows = append(rows, row)
	}
	return mdTable(rows) + failedOutputs(failed)
}

// failedOutputs returns the reasons of failed tests, and the ends of their outputs, folded.
func failedOutputs(failed []smoke.Outcome) string {
	var b strings.Builder
	for i, t := range failed {
		if i == mostOutputs {
			fmt.Fprintf(&b, "\n%d more have failed.\n", len(failed)-mostOutputs)
			break
		}
		title := fmt.Sprintf("%s on %s: %s", t.Test, platform.Format(t.Platform), t.Reason)
		b.WriteString("\n" + mdDetails(title, endOf(t.Output, outputBytes)))
	}
	return b.String()
}

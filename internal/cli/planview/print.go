package planview

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/results"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
)

// Print prints a plan for people. Empty parts are left out.
func Print(out io.Writer, p planShown) {
	table := cli.NewTable(out)
	if len(p.Platforms) > 0 {
		table.Row("PLATFORM", "NODE", "HOW")
		for _, j := range p.Platforms {
			table.Row(j.Platform, j.Node, j.How)
		}
		_ = table.Flush() // the next write finds a broken standard output
	}
	if len(p.Result) > 0 {
		cli.Putf(out, "\nThe result would go to: %s\n", strings.Join(p.Result, ", "))
	}
	if len(p.Install) > 0 {
		cli.Putf(out, "Emulators would be installed for: %s\n", strings.Join(p.Install, ", "))
	}
	printSteps(table, p)
	printStages(out, p)
	printBases(table, p)
	printHints(out, p)
	printFindings(out, p)
}

func printSteps(table cli.Table, p planShown) {
	if len(p.Steps) == 0 {
		return
	}
	table.Row()
	table.Row("LINE", "STAGE", "STEP", "RUNS", "FOR")
	for _, s := range p.Steps {
		table.Row(results.FileLine(s.File, s.Line), s.Stage, cli.Cut(stepText(s.Step), 60), stepRuns(s), allOr(s.Platforms, len(p.Platforms)))
	}
	_ = table.Flush()
}

// stepText returns a step's text on one line, without a RUN's mounts, which are long and precede the command.
func stepText(step string) string {
	words := strings.Fields(step)
	shown := words[:min(1, len(words))]
	for i := len(shown); i < len(words); i++ {
		if words[0] != "RUN" || !strings.HasPrefix(words[i], "--") {
			shown = append(shown, words[i:]...)
			break
		}
		if !strings.HasPrefix(words[i], "--mount=") {
			shown = append(shown, words[i])
		}
	}
	return strings.Join(shown, " ")
}

// stepRuns returns where a step's program runs. A step for the builder's own platform runs once for all platforms.
func stepRuns(s stepShown) string {
	runs := s.Runs
	if s.Recipe != "" {
		runs = fmt.Sprintf("%s (%s)", runs, s.Recipe)
	}
	switch {
	case runs == "":
		return "no program"
	case s.On == "" || slices.Equal(s.Platforms, []string{s.On}):
		return runs
	case len(s.Platforms) > 1:
		return runs + ", once, on " + s.On
	}
	return runs + ", on " + s.On
}

// printStages prints why stages would be emulated.
func printStages(out io.Writer, p planShown) {
	first := true
	for _, s := range p.Stages {
		if s.Moved || s.Message == "" {
			continue
		}
		if first {
			fmt.Fprintln(out, "\nEMULATED STAGES")
			first = false
		}
		where := results.FileLine(s.File, cmp.Or(s.Reason, s.Line))
		if where != "" {
			where += ": "
		}
		cli.Putf(out, "%s%s: %s (%s) [%s]\n", where, results.StageText(s.Stage, s.File, s.Line), s.Message, s.Check, strings.Join(s.Platforms, ", "))
		if s.Fix != "" {
			cli.Putf(out, "    %s\n", cli.Paragraph(s.Fix))
		}
	}
}

func allOr(platforms []string, n int) string {
	if n > 1 && len(platforms) == n {
		return fmt.Sprintf("all %d", n)
	}
	return strings.Join(platforms, ", ")
}

// printBases prints the matrix of base images and platforms.
func printBases(table cli.Table, p planShown) {
	if len(p.Bases) == 0 {
		return
	}
	var names []string
	for _, b := range p.Bases {
		for _, v := range b.Platforms {
			if !slices.Contains(names, v.Platform) {
				names = append(names, v.Platform)
			}
		}
	}
	if len(p.Platforms) > 0 {
		names = nil
		for _, j := range p.Platforms {
			names = append(names, j.Platform)
		}
	}
	heading := []any{"BASE IMAGE", "LINE"}
	for _, name := range names {
		heading = append(heading, name)
	}
	table.Row()
	table.Row(append(heading, "IT HAS", "DIGEST")...)
	for _, b := range p.Bases {
		row := []any{b.Image, results.FileLine(b.File, b.Line)}
		for _, name := range names {
			row = append(row, verdictOf(b, name))
		}
		has := strings.Join(b.Offers, ", ")
		if b.Single {
			has = "only " + has
		}
		table.Row(append(row, has, cli.Cut(b.Digest, 20))...)
	}
	_ = table.Flush()
}

func verdictOf(b baseShown, platform string) string {
	for _, v := range b.Platforms {
		switch {
		case v.Platform != platform:
		case v.Verdict == "mismatch":
			return "✗ " + v.Config
		case v.Verdict == "missing":
			return "✗ missing"
		case v.Fetched != platform:
			return "✓ for " + v.Fetched
		default:
			return "✓"
		}
	}
	return "-"
}

func printHints(out io.Writer, p planShown) {
	if len(p.Hints)+len(p.Lint) == 0 {
		return
	}
	fmt.Fprintln(out, "\nHINTS")
	for _, h := range p.Hints {
		where := ""
		if len(h.Platforms) > 0 {
			where = " [" + strings.Join(h.Platforms, ", ") + "]"
		}
		cli.Putf(out, "%s: %s: %s (%s)%s\n    %s\n", results.FileLine(h.File, h.Line), h.Severity, h.Message, h.Rule, where, cli.Paragraph(h.Fix))
	}
	for _, l := range p.Lint {
		cli.Putf(out, "%s: %s (%s)\n", results.FileLine(l.File, l.Line), l.Message, l.Rule)
	}
}

func printFindings(out io.Writer, p planShown) {
	for _, severity := range []diag.Severity{diag.Warning, diag.Error} {
		first := true
		for _, f := range p.Findings {
			if f.Severity != severity {
				continue
			}
			if first {
				cli.Putf(out, "\n%s\n", map[diag.Severity]string{diag.Warning: "WARNINGS", diag.Error: "BLOCKERS"}[severity])
				first = false
			}
			text := f.Message
			if place := results.FileLine(f.File, f.Line); place != "" {
				text = place + ": " + text
			}
			cli.Putf(out, "%s\n", cli.Paragraph(text))
			if f.Fix != "" {
				cli.Putf(out, "    %s\n", cli.Paragraph(f.Fix))
			}
		}
	}
}

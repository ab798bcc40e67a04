package planview

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/findings"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
)

// Print prints a plan for people. Empty parts are left out.
func Print(out io.Writer, p Plan) {
	table := cli.NewTable(out)
	if len(p.Platforms) > 0 {
		table.Row("PLATFORM", "NODE", "BUILD")
		for _, j := range p.Platforms {
			table.Row(j.Platform, j.Node, j.How)
		}
		_ = table.Flush() // the next write finds a broken standard output
	}
	if len(p.Result) > 0 {
		cli.Putf(out, "\nDestinations: %s\n", strings.Join(p.Result, ", "))
	}
	if len(p.Install) > 0 {
		cli.Putf(out, "Emulators to install: %s\n", strings.Join(p.Install, ", "))
	}
	printSteps(table, p)
	printBases(table, p)
	for _, s := range p.sections {
		if len(s.all) > 0 {
			cli.Putf(out, "\n%s\n", s.heading)
			findings.Lines(out, s.all)
		}
	}
}

func printSteps(table cli.Table, p Plan) {
	if len(p.Steps) == 0 {
		return
	}
	table.Row()
	table.Row("LINE", "STAGE", "STEP", "RUNS", "PLATFORMS")
	for _, s := range p.Steps {
		table.Row(diag.FileLine(s.File, s.Line), s.Stage, cli.Cut(stepText(s.Step), 60), stepRuns(s), allOr(s.Platforms, len(p.Platforms)))
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
func stepRuns(s stepRow) string {
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

func allOr(platforms []string, n int) string {
	if n > 1 && len(platforms) == n {
		return fmt.Sprintf("all %d", n)
	}
	return strings.Join(platforms, ", ")
}

// printBases prints the matrix of base images and platforms.
func printBases(table cli.Table, p Plan) {
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
	table.Row(append(heading, "AVAILABLE FOR", "DIGEST")...)
	for _, b := range p.Bases {
		row := []any{b.Image, diag.FileLine(b.File, b.Line)}
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

func verdictOf(b baseRow, platform string) string {
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

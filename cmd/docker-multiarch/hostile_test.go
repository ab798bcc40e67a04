package main

import (
	"io"
	"testing"
	"text/tabwriter"

	bkclient "github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// printers are all functions of this package that print what another may have chosen, with hostile values.
func printers() map[string]func(io.Writer) {
	report := clitest.With(clitest.Filled[solve.Report](), func(r *solve.Report) { r.ByDigest = nil }) // names that were parsed
	for i := range report.Platforms {
		report.Platforms[i].Verify.Findings[0].Severity = gate.Error
	}
	asked := job{request: solve.Request{}}
	plan := clitest.With(clitest.Filled[planShown](), func(p *planShown) { p.Findings[0].Severity, p.Findings[1].Severity = "warning", "error" })
	warned := warnings{}
	warned.see(platform.Platform{OS: clitest.Hostile}, &bkclient.SolveStatus{Warnings: []*bkclient.VertexWarning{clitest.With(clitest.Filled[*bkclient.VertexWarning](), func(w **bkclient.VertexWarning) {
		(*w).SourceInfo.Data = []byte(clitest.Hostile)
	})}})
	inTable := func(print func(*tabwriter.Writer, planShown)) func(io.Writer) {
		return func(out io.Writer) {
			t := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
			print(t, plan)
			_ = t.Flush()
		}
	}
	answers := []solve.Answer{{Values: map[string][]byte{"result.txt": []byte(clitest.Hostile), "version": []byte("9")}}}
	return map[string]func(io.Writer){
		"sayUntouched":  func(out io.Writer) { sayUntouched(out, asked, report) },
		"table":         func(out io.Writer) { table(out, report) },
		"printPlan":     func(out io.Writer) { printPlan(out, plan) },
		"printSteps":    inTable(printSteps),
		"printStages":   func(out io.Writer) { printStages(out, plan) },
		"printBases":    inTable(printBases),
		"printHints":    func(out io.Writer) { printHints(out, plan) },
		"printFindings": func(out io.Writer) { printFindings(out, plan) },
		"print":         func(out io.Writer) { warned.print(out, true) },
		"printByPlatform": func(out io.Writer) {
			_ = printByPlatform(out, []answerGroup{{platforms: []string{clitest.Hostile}, text: `"x"`}}, call{})
		},
		"printAnswers": func(out io.Writer) {
			_ = printAnswers(out, call{question: "outline"}, answers[:0], func(solve.Answer) string { return clitest.Hostile })
		},
	}
}

func TestNoPrinterShowsHostileTextAsItIs(t *testing.T) {
	clitest.CheckPrinters(t, printers(), "printerOf", "renderLint", "explainWarnings", "explainFailures", "explainUnread")
}

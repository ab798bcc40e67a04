package main

import (
	"io"
	"testing"
	"text/tabwriter"

	bkclient "github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/merge"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/internal/tree"
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
	difference := clitest.Filled[diffRow]()
	warned := warnings{}
	warned.see(platform.Platform{OS: clitest.Hostile}, &bkclient.SolveStatus{Warnings: []*bkclient.VertexWarning{clitest.With(clitest.Filled[*bkclient.VertexWarning](), func(w **bkclient.VertexWarning) {
		(*w).SourceInfo.Data = []byte(clitest.Hostile)
	})}})
	image := clitest.With(clitest.Filled[imageRow](), func(r *imageRow) { r.Kind = "index" })
	inTable := func(print func(*tabwriter.Writer, planShown)) func(io.Writer) {
		return func(out io.Writer) {
			t := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
			print(t, plan)
			_ = t.Flush()
		}
	}
	answers := []solve.Answer{{Values: map[string][]byte{"result.txt": []byte(clitest.Hostile), "version": []byte("9")}}}
	return map[string]func(io.Writer){
		"delivered":    func(out io.Writer) { delivered(out, report) },
		"loaded":       func(out io.Writer) { loaded(out, report) },
		"tags":         func(out io.Writer) { tags(out, report) },
		"sayUntouched": func(out io.Writer) { sayUntouched(out, asked, report) },
		"table":        func(out io.Writer) { table(out, report) },
		"describe":     func(out io.Writer) { archivedImage{}.describe(out, clitest.Hostile) },
		"inspectTable": func(out io.Writer) { _ = inspectTable(out, image, true) },
		"diffTable":    func(out io.Writer) { _ = diffTable(out, difference) },
		"diffLines": func(out io.Writer) {
			for _, state := range []tree.State{tree.Removed, tree.Added, tree.Same, tree.Changed} {
				diffLines(out, clitest.With(difference.Platforms[0], func(p *diffPlatform) { p.State = state }))
			}
		},
		"mergedTable":   func(out io.Writer) { mergedTable(out, clitest.Filled[merge.Result]()) },
		"printPlan":     func(out io.Writer) { printPlan(out, plan) },
		"printSteps":    inTable(printSteps),
		"printStages":   func(out io.Writer) { printStages(out, plan) },
		"printBases":    inTable(printBases),
		"printHints":    func(out io.Writer) { printHints(out, plan) },
		"printFindings": func(out io.Writer) { printFindings(out, plan) },
		"runTable": func(out io.Writer) {
			runTable(out, []runEnd{{platform: platform.Platform{OS: clitest.Hostile}, words: clitest.Hostile}})
		},
		"verifyTable": func(out io.Writer) { _ = verifyTable(out, clitest.Filled[verifyRow]()) },
		"print":       func(out io.Writer) { warned.print(out, true) },
		"printByPlatform": func(out io.Writer) {
			_ = printByPlatform(out, []answerGroup{{platforms: []string{clitest.Hostile}, text: `"x"`}}, call{})
		},
		"printAnswers": func(out io.Writer) {
			_ = printAnswers(out, call{question: "outline"}, answers[:0], func(solve.Answer) string { return clitest.Hostile })
		},
	}
}

func TestNoPrinterShowsHostileTextAsItIs(t *testing.T) {
	clitest.CheckPrinters(t, printers(), "printerOf", "renderLint", "explainWarnings", "explainFailures", "explainUnread", "stream")
}

package planview

import (
	"io"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
)

func TestNoPlanPrinterShowsHostileTextAsItIs(t *testing.T) {
	plan := clitest.With(clitest.Filled[planShown](), func(p *planShown) { p.Findings[0].Severity, p.Findings[1].Severity = "warning", "error" })
	inTable := func(printer func(cli.Table, planShown)) func(io.Writer) {
		return func(out io.Writer) {
			t := cli.NewTable(out)
			printer(t, plan)
			_ = t.Flush()
		}
	}
	clitest.CheckPrinters(t, map[string]func(io.Writer){
		"Print":         func(out io.Writer) { Print(out, plan) },
		"printSteps":    inTable(printSteps),
		"printStages":   func(out io.Writer) { printStages(out, plan) },
		"printBases":    inTable(printBases),
		"printHints":    func(out io.Writer) { printHints(out, plan) },
		"printFindings": func(out io.Writer) { printFindings(out, plan) },
	})
}

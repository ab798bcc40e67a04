package planview

import (
	"io"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
)

func TestNoPlanPrinterShowsHostileTextAsItIs(t *testing.T) {
	plan := clitest.Filled[Plan]()
	plan.sections = []section{{clitest.Hostile, clitest.Filled[[]diag.Diagnostic]()}}
	inTable := func(printer func(cli.Table, Plan)) func(io.Writer) {
		return func(out io.Writer) {
			t := cli.NewTable(out)
			printer(t, plan)
			_ = t.Flush()
		}
	}
	clitest.CheckPrinters(t, map[string]func(io.Writer){
		"Print":      func(out io.Writer) { Print(out, plan) },
		"printSteps": inTable(printSteps),
		"printBases": inTable(printBases),
	})
}

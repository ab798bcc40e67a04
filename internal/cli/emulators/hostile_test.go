package emulators

import (
	"io"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestNoEmulatorPrinterShowsHostileTextAsItIs(t *testing.T) {
	clitest.CheckPrinters(t, map[string]func(io.Writer){
		"printPlanned": func(out io.Writer) { _ = printPlanned(out, planRows(clitest.Filled[[]emulation.Planned]())) },
		"printInstalled": func(out io.Writer) {
			_ = printInstalled(out, installedRows(clitest.Filled[[]platform.Platform](), clitest.Filled[emulation.Report]()))
		},
		"emulatorsQuiet": func(out io.Writer) { _ = emulatorsQuiet(out, clitest.Filled[[]emulatorsStatus]()) },
		"emulatorsTable": func(out io.Writer) { _ = emulatorsTable(out, clitest.Filled[[]emulatorsStatus]()) },
	}, "printOutcomes", "emulatorLines")
}

package findings

import (
	"io"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
)

func TestNoFindingPrinterShowsHostileTextAsItIs(t *testing.T) {
	all := clitest.Filled[[]diag.Diagnostic]()
	all[0].Severity = diag.Error
	clitest.CheckPrinters(t, map[string]func(io.Writer){
		"lines": func(out io.Writer) { Lines(out, all) },
		"print": func(out io.Writer) { Print(out, all) },
	})
}

package findings

import (
	"io"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

func TestNoFindingPrinterShowsHostileTextAsItIs(t *testing.T) {
	report := clitest.Filled[solve.Report]()
	for i := range report.Platforms {
		report.Platforms[i].Verify.Findings[0].Severity = diag.Error
	}
	findings := report.Platforms[0].Verify.Findings
	clitest.CheckPrinters(t, map[string]func(io.Writer){
		"lines": func(out io.Writer) { Lines(out, clitest.Filled[[]diag.Diagnostic]()) },
		"list":  func(out io.Writer) { List(out, findings) },
	})
}

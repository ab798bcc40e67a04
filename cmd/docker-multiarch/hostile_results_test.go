package main

import (
	"io"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

func TestNoReportPrinterShowsHostileTextAsItIs(t *testing.T) {
	report := clitest.With(clitest.Filled[solve.Report](), func(r *solve.Report) { r.ByDigest = nil }) // names that were parsed
	for i := range report.Platforms {
		report.Platforms[i].Verify.Findings[0].Severity = gate.Error
	}
	asked := outcome{report: report}
	clitest.CheckPrinters(t, map[string]func(io.Writer){
		"sayUntouched": func(out io.Writer) { sayUntouched(out, asked) },
		"table":        func(out io.Writer) { table(out, report) },
	})
}

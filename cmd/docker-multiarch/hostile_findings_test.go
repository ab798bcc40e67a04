package main

import (
	"io"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

func TestNoFindingPrinterShowsHostileTextAsItIs(t *testing.T) {
	report := filled[solve.Report]()
	for i := range report.Platforms {
		report.Platforms[i].Verify.Findings[0].Severity = gate.Error
	}
	findings := report.Platforms[0].Verify.Findings
	checkPrinters(t, map[string]func(io.Writer){
		"list": func(out io.Writer) { list(out, findings) },
	})
}

package results

import (
	"io"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

func TestNoResultPrinterShowsHostileTextAsItIs(t *testing.T) {
	report := clitest.With(clitest.Filled[solve.Report](), func(r *solve.Report) { r.ByDigest = nil }) // parsed names
	asked := Outcome{Report: report}
	clitest.CheckPrinters(t, map[string]func(io.Writer){
		"sayUntouched": func(out io.Writer) { SayUntouched(out, asked) },
		"table":        func(out io.Writer) { Table(out, report) },
		"delivered":    func(out io.Writer) { Delivered(out, report) },
		"loaded":       func(out io.Writer) { Loaded(out, report) },
		"tags":         func(out io.Writer) { Tags(out, report) },
	})
}

package results

import (
	"io"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

func TestNoResultPrinterShowsHostileTextAsItIs(t *testing.T) {
	report := clitest.With(clitest.Filled[solve.Report](), func(r *solve.Report) { r.ByDigest = nil }) // names that were parsed
	clitest.CheckPrinters(t, map[string]func(io.Writer){
		"delivered": func(out io.Writer) { Delivered(out, report) },
		"loaded":    func(out io.Writer) { Loaded(out, report) },
		"tags":      func(out io.Writer) { Tags(out, report) },
	})
}

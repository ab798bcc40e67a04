package images

import (
	"io"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
)

func TestNoImagePrinterShowsHostileTextAsItIs(t *testing.T) {
	image := clitest.With(clitest.Filled[imageRow](), func(r *imageRow) { r.Kind = "index" })
	clitest.CheckPrinters(t, map[string]func(io.Writer){
		"describe":     func(out io.Writer) { archivedImage{}.describe(out, clitest.Hostile) },
		"inspectTable": func(out io.Writer) { _ = inspectTable(out, image, true) },
		"verifyTable": func(out io.Writer) {
			verifyTable(out, clitest.Filled[verifyRow](), clitest.Filled[[]diag.Diagnostic]())
		},
	})
}

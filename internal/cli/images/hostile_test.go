package images

import (
	"io"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
)

func TestNoImagePrinterShowsHostileTextAsItIs(t *testing.T) {
	image := clitest.With(clitest.Filled[imageRow](), func(r *imageRow) { r.Kind = "index" })
	clitest.CheckPrinters(t, map[string]func(io.Writer){
		"describe":     func(out io.Writer) { archivedImage{}.describe(out, clitest.Hostile) },
		"inspectTable": func(out io.Writer) { _ = inspectTable(out, image, true) },
		"verifyTable":  func(out io.Writer) { _ = verifyTable(out, clitest.Filled[verifyRow]()) },
	})
}

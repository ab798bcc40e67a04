package doctor

import (
	"io"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
)

func TestNoDoctorPrinterShowsHostileTextAsItIs(t *testing.T) {
	clitest.CheckPrinters(t, map[string]func(io.Writer){
		"doctorPage": func(out io.Writer) { _ = doctorPage(out, clitest.Filled[diagnosis]()) },
	})
}

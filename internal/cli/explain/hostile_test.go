package explain

import (
	"errors"
	"io"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
)

func TestNoErrorPrinterShowsHostileTextAsItIs(t *testing.T) {
	refused := &preflight.Error{Findings: clitest.Filled[[]diag.Diagnostic]()}
	clitest.CheckPrinters(t, map[string]func(io.Writer){
		"Error": func(out io.Writer) { Error(out, errors.New(clitest.Hostile)) },
		"printHint": func(out io.Writer) {
			printHint(out, &cli.Hinted{Err: errors.New(clitest.Hostile), Hint: clitest.Hostile})
		},
		"explainFindings": func(out io.Writer) { explainFindings(out, refused) },
	}, "printTrace")
}

package display

import (
	"io"
	"testing"

	bkclient "github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestNoWarningPrinterShowsHostileTextAsItIs(t *testing.T) {
	warned := warnings{}
	warned.add(platform.Platform{OS: clitest.Hostile}, &bkclient.SolveStatus{Warnings: []*bkclient.VertexWarning{clitest.With(clitest.Filled[*bkclient.VertexWarning](), func(w **bkclient.VertexWarning) {
		(*w).SourceInfo.Data = []byte(clitest.Hostile)
	})}})
	clitest.CheckPrinters(t, map[string]func(io.Writer){
		"print":       func(out io.Writer) { warned.print(out, true) },
		"printOrigin": warned.list[0].printOrigin,
	}, "explainWarnings", "explainFailures", "explainUnread")
}

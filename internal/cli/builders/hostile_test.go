package builders

import (
	"io"
	"testing"

	bkclient "github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
)

func TestNoBuilderPrinterShowsHostileTextAsItIs(t *testing.T) {
	inspected := clitest.With(clitest.Filled[builderRow](), func(r *builderRow) {
		details := clitest.Filled[nodeDetails]()
		r.Nodes[0].nodeDetails = &details
	})
	records := clitest.Filled[[]*bkclient.UsageInfo]()
	clitest.CheckPrinters(t, map[string]func(io.Writer){
		"writeTotals": func(out io.Writer) { writeTotals(out, records) },
		"inspectText": func(out io.Writer) { _ = inspectText(out, inspected) },
		"writeRows": func(out io.Writer) {
			_ = cli.WriteRows(out, "table", builderColumns(), []*builderLine{lineOf(inspected)})
			for _, format := range []string{"table {{.Description}}\t{{.Type}}", recordPretty, "json"} {
				_ = cli.WriteRows(out, format, recordColumns(true), recordRows(records, false, records[0].CreatedAt))
			}
		},
	}, "writeConfig", "nodeText", "writeRule", "detailsText")
}

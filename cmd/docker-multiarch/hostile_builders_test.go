package main

import (
	"io"
	"testing"

	bkclient "github.com/moby/buildkit/client"
)

func TestNoBuilderPrinterShowsHostileTextAsItIs(t *testing.T) {
	inspected := with(filled[builderRow](), func(r *builderRow) {
		details := filled[nodeDetails]()
		r.Nodes[0].nodeDetails = &details
	})
	records := filled[[]*bkclient.UsageInfo]()
	checkPrinters(t, map[string]func(io.Writer){
		"writeTotals": func(out io.Writer) { _ = writeTotals(out, records) },
		"inspectText": func(out io.Writer) { _ = inspectText(out, inspected) },
		"writeRows": func(out io.Writer) {
			_ = writeRows(out, "table", builderColumns(), []*builderContext{{builderRow: inspected}})
			for _, format := range []string{"table {{.Description}}\t{{.Type}}", recordPretty, "json"} {
				_ = writeRows(out, format, recordColumns(), recordRows(records, false, records[0].CreatedAt))
			}
		},
	}, "writeConfig", "nodeText", "writeRule")
}

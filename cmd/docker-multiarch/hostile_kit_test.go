package main

import (
	"io"
	"testing"

	"github.com/docker/cli/cli/command/formatter"
)

type shownRow struct{ Name, Words string }

// shownRows are rows of a table.
type shownRows struct {
	formatter.HeaderContext
	shownRow
}

func TestNoHostileTextIsShownAsItIs(t *testing.T) {
	value := filled[shownRow]()
	checkPrinters(t, map[string]func(io.Writer){
		"writeJSON": func(out io.Writer) { _ = writeJSON(out, value) },
		"writeOne": func(out io.Writer) {
			_ = writeOne(out, "json", value)
			_ = writeOne(out, "{{json .Name}}", value)
		},
		"writeRows": func(out io.Writer) {
			_ = writeRows(out, "table", columns{table: "{{.Name}}", headings: map[string]string{"Name": "NAME"}}, []*shownRows{{shownRow: value}})
		},
	}, "stream", "newStream", "write", "exact", "bare", "writeError", "putf", "putRow")
}

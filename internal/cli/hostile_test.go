package cli_test

import (
	"io"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
)

type shownRow struct{ Name, Words string }

func TestNoHostileTextIsShownAsItIs(t *testing.T) {
	value := clitest.Filled[shownRow]()
	clitest.CheckPrinters(t, map[string]func(io.Writer){
		"writeJSON": func(out io.Writer) { _ = cli.WriteJSON(out, value) },
		"writeOne": func(out io.Writer) {
			_ = cli.WriteOne(out, "json", value)
			_ = cli.WriteOne(out, "{{json .Name}}", value)
		},
		"writeRows": func(out io.Writer) {
			_ = cli.WriteRows(out, "table", cli.Columns{Table: "{{.Name}}", Headings: map[string]string{"Name": "NAME"}}, []*shownRow{&value})
		},
	}, "stream", "newStream", "write", "exact", "bare", "writeError", "putf", "newTable")
}

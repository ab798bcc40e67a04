package main

import (
	"io"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestNoEmulatorPrinterShowsHostileTextAsItIs(t *testing.T) {
	checkPrinters(t, map[string]func(io.Writer){
		"printPlanned": func(out io.Writer) { _ = printPlanned(out, filled[[]emulation.Planned]()) },
		"printInstalled": func(out io.Writer) {
			_ = printInstalled(out, "table", filled[[]platform.Platform](), filled[emulation.Report]())
		},
		"emulatorsQuiet": func(out io.Writer) { _ = emulatorsQuiet(out, filled[emulatorsStatus]()) },
		"emulatorsTable": func(out io.Writer) { _ = emulatorsTable(out, filled[emulatorsStatus]()) },
	})
}

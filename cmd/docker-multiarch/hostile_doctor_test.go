package main

import (
	"io"
	"testing"
)

func TestNoDoctorPrinterShowsHostileTextAsItIs(t *testing.T) {
	checkPrinters(t, map[string]func(io.Writer){
		"doctorPage": func(out io.Writer) { _ = doctorPage(out, filled[diagnosis]()) },
	})
}

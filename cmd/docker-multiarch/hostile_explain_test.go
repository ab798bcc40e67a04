package main

import (
	"errors"
	"io"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
)

func TestNoErrorPrinterShowsHostileTextAsItIs(t *testing.T) {
	refused := &preflight.Error{Findings: filled[[]preflight.Finding]()}
	checkPrinters(t, map[string]func(io.Writer){
		"explain":         func(out io.Writer) { explain(out, errors.New(hostile)) },
		"printHint":       func(out io.Writer) { printHint(out, &hinted{errors.New(hostile), hostile}) },
		"explainFindings": func(out io.Writer) { explainFindings(out, refused) },
	}, "printTrace")
}

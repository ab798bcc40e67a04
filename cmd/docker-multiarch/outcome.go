package main

import (
	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

// outcome is what became of a build.
type outcome struct {
	named   []reference.NamedTagged // the names that the result has wherever it goes
	request solve.Request
	origin  *provenance // for the metadata of a build whose result is to be merged
	report  solve.Report
	err     error
	// failures are the ends of the failed steps' outputs.
	failures string
}

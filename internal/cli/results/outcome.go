package results

import (
	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

// Outcome is the outcome of a build.
type Outcome struct {
	Named   []reference.NamedTagged // the names of the result in every destination
	Request solve.Request
	Origin  *Provenance // for the metadata of a build whose result will be merged
	Report  solve.Report
	Err     error
	// Failures are the ends of the failed steps' outputs.
	Failures string
}

package results

import (
	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

// Outcome is what became of a build.
type Outcome struct {
	Named   []reference.NamedTagged // the names that the result has wherever it goes
	Request solve.Request
	Origin  *Provenance // for the metadata of a build whose result is to be merged
	Report  solve.Report
	Err     error
	// Failures are the ends of the failed steps' outputs.
	Failures string
}

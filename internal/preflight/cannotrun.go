package preflight

import (
	"fmt"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// CannotRunError says that the node cannot run programs of some platforms, and that no emulator could be, or was to be, installed.
type CannotRunError struct {
	Node      string
	Platforms []platform.Platform
	Tests     bool   // only tests need them, not steps of the Dockerfile
	Err       error  // why installing an emulator did not help; nil if that was not tried
	Address   string // of the node; "" if there is nothing to say
	Builder   string // that --builder has to name; "" if it has not
	ByHand    bool   // nothing can be installed there from here
}

// Where names the node, and its address if there is one.
func (e *CannotRunError) Where() string {
	if e.Address == "" {
		return "node " + e.Node
	}
	return fmt.Sprintf("node %s (%s)", e.Node, e.Address)
}

func (e *CannotRunError) Error() string {
	needing := "steps of the Dockerfile"
	if e.Tests {
		needing = "tests"
	}
	msg := fmt.Sprintf("%s cannot run programs for %s, and %s need that", e.Where(), formatAll(e.Platforms), needing)
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg
}

func (e *CannotRunError) Unwrap() error { return e.Err }

// CannotRun returns the finding that a node cannot run some of the jobs.
func CannotRun(jobs []plan.Job, err error) diag.Diagnostic {
	var ps []platform.Platform
	for _, j := range jobs {
		if j.Mode == plan.Impossible {
			ps = append(ps, j.Platform)
		}
	}
	return Refusal("node", err, ps...)
}

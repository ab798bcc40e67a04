package solve

import (
	"context"
	"errors"
	"fmt"

	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// PremiseError says that what others take from a moved stage is not what its recipe makes, or that this cannot be found out.
type PremiseError struct {
	Stage  string // of the Dockerfile; "" if it has no name
	Recipe string
	Path   string // the file, or what is taken
	Found  string // "is for amd64", "has more than 2000 programs, too many to look at"
	Wanted string // "makes programs for linux/arm64"; "" if it cannot be found out
	Err    error  // why it cannot be found out; nil if something was found
}

func (e *PremiseError) Error() string {
	what := e.Path
	if e.Stage != "" {
		what += " of stage " + e.Stage
	}
	switch {
	case e.Err != nil:
		return fmt.Sprintf("%s cannot be looked at: %v", what, e.Err)
	case e.Wanted == "":
		return what + " " + e.Found
	}
	return fmt.Sprintf("%s %s, and recipe %s %s", what, e.Found, e.Recipe, e.Wanted)
}

func (e *PremiseError) Unwrap() error { return e.Err }

// outputCheck looks at what relocated stages have made.
type outputCheck struct {
	target platform.Platform
	relocation
	witness *witness // of the solve
	bases   string   // the folder that remembers what was found
}

// check is about the premises of the recipes that moved steps. They are looked at when the steps have run. The solve's own error is what
// BuildKit makes of a PremiseError: text.
func (c outputCheck) check(ctx context.Context, gw gateway.Client) error {
	for _, tip := range c.fresh(ctx) {
		if err := checkLeaves(ctx, gw, tip, c.target); err != nil {
			if premise, ok := errors.AsType[*PremiseError](err); ok && premise.Wanted != "" {
				c.broken().add(tip)
			}
			return err
		}
	}
	return nil
}

// named adds the name of the tip's stage.
func named(err error, tip cross.Tip) error {
	if e, ok := errors.AsType[*PremiseError](err); ok {
		if g, err := graph.Read(tip.Definition); err == nil && len(g.Steps) > 0 {
			e.Stage = g.Steps[len(g.Steps)-1].Stage
		}
	}
	return err
}

package crosscompile

import (
	"errors"
	"fmt"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

// WrongOutputError says that an output of a relocated stage breaks the promise of its recipe, or that it cannot be checked.
type WrongOutputError struct {
	Stage  string // in the Dockerfile; "" if it has no name
	Recipe string
	Path   string // the file, or the copied path
	Found  string // "is for amd64", "has more than 2000 programs, too many to check"
	Wanted string // "makes programs for linux/arm64"; "" if it cannot be checked
	Err    error  // why it cannot be checked; nil if a promise is broken
}

func (e *WrongOutputError) Error() string {
	what := e.Path
	if e.Stage != "" {
		what += " of stage " + e.Stage
	}
	switch {
	case e.Err != nil:
		return fmt.Sprintf("%s cannot be checked: %v", what, e.Err)
	case e.Wanted == "":
		return what + " " + e.Found
	}
	return fmt.Sprintf("%s %s, and recipe %s %s", what, e.Found, e.Recipe, e.Wanted)
}

func (e *WrongOutputError) Unwrap() error { return e.Err }

// named adds the name of the output's stage.
func named(err error, output cross.Output) error {
	if e, ok := errors.AsType[*WrongOutputError](err); ok {
		if g, err := graph.Read(output.Definition); err == nil && len(g.Steps) > 0 {
			e.Stage = g.Steps[len(g.Steps)-1].Stage
		}
	}
	return err
}

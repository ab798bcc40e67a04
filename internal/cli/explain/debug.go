package explain

import (
	"errors"
	"fmt"
	"io"

	"github.com/docker/cli/cli/debug"
	"github.com/moby/buildkit/util/stack"
	"github.com/sirupsen/logrus"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

// traced is an error whose stack trace through BuildKit the user wants to see.
type traced struct{ err error }

func (t *traced) Error() string { return t.err.Error() }
func (t *traced) Unwrap() error { return t.err }

// Debugging shows the logs of the libraries, and the stack trace of an error. The user asks for it by a flag of the command, by docker
// --debug, or by DEBUG=1, which is what the Docker CLI makes of its own flag.
func Debugging(w *cli.Env, requested bool, work func() error) error {
	if !requested && !debug.IsEnabled() {
		return work()
	}
	before, level := logrus.StandardLogger().Out, logrus.GetLevel()
	logrus.SetOutput(w.Err)
	logrus.SetLevel(logrus.DebugLevel)
	defer func() {
		logrus.SetOutput(before)
		logrus.SetLevel(level)
	}()
	if err := work(); err != nil {
		return &traced{err}
	}
	return nil
}

// printTrace prints the stack trace of an error, in this program and in the builder, as far as it has one.
func printTrace(out io.Writer, err error) {
	t, ok := errors.AsType[*traced](err)
	if ok && len(stack.Traces(t.err)) > 0 {
		fmt.Fprintf(out, "%+v\n", stack.Formatter(t.err))
	}
}

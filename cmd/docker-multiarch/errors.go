package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// The exit statuses, all of them. They are documented in docs/commands.md.
const (
	exitFailed      = 1   // the build, or another command, failed
	exitUnknown     = 2   // a question could not be answered: verify, manifest diff
	exitPartial     = 3   // published without some platforms, as was allowed
	exitPush        = 4   // everything was built, but the registry did not take all of it
	exitUsage       = 125 // wrong flags or arguments; nothing was done. The Docker CLI's own status for that
	exitInterrupted = 130 // Ctrl-C; 128 + the signal's number for others (143 for SIGTERM)
)

// callStatus is the exit status of a question whose answer has been printed: a check with findings.
type callStatus int

// Error implements error.
func (s callStatus) Error() string { return fmt.Sprintf("status %d", int(s)) }

// usage is an error of the user's words, found before any work.
type usage struct {
	err  error
	hint string
	help string // the command whose help has the right words; shown if nothing else is known to do
}

// Error implements error.
func (u *usage) Error() string { return u.err.Error() }

// Unwrap gives what is wrong.
func (u *usage) Unwrap() error { return u.err }

// usageError is a usage error whose hint is the command's help.
func usageError(cmd *cobra.Command, format string, args ...any) error {
	return &usage{err: fmt.Errorf(format, args...), hint: helpHint(cmd.CommandPath())}
}

// withHelp adds where the right words are to an error of the user's words that says nothing about what to do.
func withHelp(cmd *cobra.Command, err error) error {
	if u, ok := errors.AsType[*usage](err); ok && u.hint == "" {
		return &usage{err: err, help: cmd.CommandPath()}
	}
	return err
}

// helpHint names the help of a command.
func helpHint(command string) string { return "see '" + command + " --help'" }

// hinted is an error with something for the user to do.
type hinted struct {
	err  error
	hint string
}

// Error implements error.
func (h *hinted) Error() string { return h.err.Error() }

// Unwrap gives the error without the hint.
func (h *hinted) Unwrap() error { return h.err }

// statusError is an error with an exit status of its own.
type statusError struct {
	err    error
	status int
}

// Error implements error.
func (e *statusError) Error() string { return e.err.Error() }

// Unwrap gives the error without the status.
func (e *statusError) Unwrap() error { return e.err }

// unknown is the error of a question that could not be answered.
func unknown(err error) error { return &statusError{err, exitUnknown} }

// interrupted is why a command's context ended: the signal that came.
type interrupted struct{ signal os.Signal }

// Error implements error.
func (i interrupted) Error() string { return "interrupted by " + i.signal.String() }

package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// The exit statuses, all of them. They are documented in docs/commands.md.
const (
	ExitFailed      = 1   // the build, or another command, failed
	ExitUnknown     = 2   // a question could not be answered: verify, manifest diff
	ExitPartial     = 3   // published without some platforms, as was allowed
	ExitPush        = 4   // everything was built, but the registry did not take all of it
	ExitUsage       = 125 // wrong flags or arguments; nothing was done. The Docker CLI's own status for that
	ExitInterrupted = 130 // Ctrl-C; 128 + the signal's number for others (143 for SIGTERM)
)

// Status is the exit status of a question whose answer has been printed: a check with findings.
type Status int

// Error implements error.
func (s Status) Error() string { return fmt.Sprintf("status %d", int(s)) }

// Usage is an error of the user's words, found before any work.
type Usage struct {
	Err  error
	Hint string
	Help string // the command whose help has the right words; shown if nothing else is known to do
}

// Error implements error.
func (u *Usage) Error() string { return u.Err.Error() }

// Unwrap gives what is wrong.
func (u *Usage) Unwrap() error { return u.Err }

// UsageError is a usage error whose hint is the command's help.
func UsageError(cmd *cobra.Command, format string, args ...any) error {
	return &Usage{Err: fmt.Errorf(format, args...), Hint: HelpHint(cmd.CommandPath())}
}

// WithHelp adds where the right words are to an error of the user's words that says nothing about what to do.
func WithHelp(cmd *cobra.Command, err error) error {
	if u, ok := errors.AsType[*Usage](err); ok && u.Hint == "" {
		return &Usage{Err: err, Help: cmd.CommandPath()}
	}
	return err
}

// HelpHint names the help of a command.
func HelpHint(command string) string { return "see '" + command + " --help'" }

// Hinted is an error with something for the user to do.
type Hinted struct {
	Err  error
	Hint string
}

// Error implements error.
func (h *Hinted) Error() string { return h.Err.Error() }

// Unwrap gives the error without the hint.
func (h *Hinted) Unwrap() error { return h.Err }

// StatusError is an error with an exit status of its own.
type StatusError struct {
	Err    error
	Status int
}

// Error implements error.
func (e *StatusError) Error() string { return e.Err.Error() }

// Unwrap gives the error without the status.
func (e *StatusError) Unwrap() error { return e.Err }

// Unknown is the error of a question that could not be answered.
func Unknown(err error) error { return &StatusError{err, ExitUnknown} }

// Interrupted is why a command's context ended: the signal that came.
type Interrupted struct{ Signal os.Signal }

// Error implements error.
func (i Interrupted) Error() string { return "interrupted by " + i.Signal.String() }

package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// These are all exit statuses. docs/commands.md documents them.
const (
	ExitFailed      = 1   // the build, or another command, failed
	ExitUnknown     = 2   // no answer to a question: verify, manifest diff
	ExitPartial     = 3   // published without some platforms, as the user permits
	ExitPush        = 4   // built, but a push failed
	ExitUsage       = 125 // wrong flags or arguments; nothing was done. The Docker CLI uses the same status
	ExitInterrupted = 130 // Ctrl-C; 128 + the signal's number for others (143 for SIGTERM)
)

// Status is the exit status of a question whose answer has been printed: a check with findings.
type Status int

// Error implements error.
func (s Status) Error() string { return fmt.Sprintf("status %d", int(s)) }

// Usage is an error in the user's input, found before any work.
type Usage struct {
	Err  error
	Hint string
	Help string // the command whose help is referred to if there is no other hint
}

// Error implements error.
func (u *Usage) Error() string { return u.Err.Error() }

// Unwrap returns the cause.
func (u *Usage) Unwrap() error { return u.Err }

// UsageError returns a usage error whose hint is the command's help.
func UsageError(cmd *cobra.Command, format string, args ...any) error {
	return &Usage{Err: fmt.Errorf(format, args...), Hint: HelpHint(cmd.CommandPath())}
}

// WithHelp adds a reference to the command's help to a usage error without a hint.
func WithHelp(cmd *cobra.Command, err error) error {
	if u, ok := errors.AsType[*Usage](err); ok && u.Hint == "" {
		return &Usage{Err: err, Help: cmd.CommandPath()}
	}
	return err
}

// HelpHint refers to the help of a command.
func HelpHint(command string) string { return "see '" + command + " --help'" }

// Hinted is an error with advice for the user.
type Hinted struct {
	Err  error
	Hint string
}

// Error implements error.
func (h *Hinted) Error() string { return h.Err.Error() }

// Unwrap returns the error without the hint.
func (h *Hinted) Unwrap() error { return h.Err }

// StatusError is an error with an exit status of its own.
type StatusError struct {
	Err    error
	Status int
}

// Error implements error.
func (e *StatusError) Error() string { return e.Err.Error() }

// Unwrap returns the error without the status.
func (e *StatusError) Unwrap() error { return e.Err }

// Unknown returns the error of a question without an answer.
func Unknown(err error) error { return &StatusError{err, ExitUnknown} }

// Interrupted is the cause with which a signal ends a command's context.
type Interrupted struct{ Signal os.Signal }

// Error implements error.
func (i Interrupted) Error() string { return "interrupted by " + i.Signal.String() }

package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/printable"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
)

// stream is standard output or standard error. What commands write to it is text, and some of its words are another's: it comes out as
// package printable shows it, so that no printer can forget that. The first error of a write is kept, so that no printer has to look.
type stream struct {
	mu   sync.Mutex
	to   io.Writer
	text *printable.Writer
	err  error
}

// NewStream makes a stream of a writer that is none yet.
func NewStream(to io.Writer) io.Writer {
	if _, is := to.(*stream); is || to == nil {
		return to
	}
	return &stream{to: to, text: printable.NewWriter(to)}
}

// Write implements io.Writer.
func (s *stream) Write(p []byte) (int, error) { return s.write(s.text, p) }

func (s *stream) write(to io.Writer, p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := to.Write(p)
	if s.err == nil {
		s.err = err
	}
	return n, err
}

// IsTerminal tells whether somebody reads it as it is written.
func (s *stream) IsTerminal() bool {
	t, ok := s.to.(interface{ IsTerminal() bool })
	return ok && t.IsTerminal()
}

// unchanged is a stream for bytes that have to be what they are: archives, documents, the output of a program that the user runs.
type unchanged struct{ *stream }

// Write implements io.Writer.
func (u unchanged) Write(p []byte) (int, error) { return u.write(u.to, p) }

// Exact writes to a stream what has to stay as it is.
func Exact(out io.Writer) io.Writer {
	if s, ok := out.(*stream); ok {
		return unchanged{s}
	}
	return out
}

// Bare is what is behind a stream, for a display that draws on a terminal.
func Bare(out io.Writer) io.Writer {
	if s, ok := out.(*stream); ok {
		return s.to
	}
	return out
}

// WriteError is the first error of what was written; nil for a writer that is no stream.
func WriteError(out io.Writer) error {
	s, ok := out.(*stream)
	if !ok {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Result prints what finished work is known by, and says how the work would be told of in a sentence: "published app@sha256:…". Where
// standard output does not take it, the error of the command has it.
func (w *Env) Result(line, done string) {
	if fmt.Fprintln(w.Out, line); WriteError(w.Out) != nil {
		w.untold = append(w.untold, done)
	}
}

// LostAnswer says that standard output could not be written.
type LostAnswer struct {
	command string
	done    []string // what was done for good, of which the answer tells
	Status  int      // of the command, had it been written
	err     error
}

// Error implements error.
func (l *LostAnswer) Error() string {
	if len(l.done) > 0 {
		return fmt.Sprintf("%s, but standard output, which should tell, could not be written: %v", strings.Join(l.done, ", "), l.err)
	}
	return fmt.Sprintf("the answer of %q could not be written to standard output: %v", l.command, l.err)
}

// Unwrap gives why it could not be written.
func (l *LostAnswer) Unwrap() error { return l.err }

// Silent tells whether nobody wanted the answer: its reader has gone, as head does, and nothing was done that has to be known.
func (l *LostAnswer) Silent() bool { return len(l.done) == 0 && errors.Is(l.err, syscall.EPIPE) }

// Answered is the end of a command: its own, unless it has gone well but for its answer.
func (w *Env) Answered(command string, err error) error {
	lost := WriteError(w.Out)
	if lost == nil {
		return err
	}
	status, asked := errors.AsType[Status](err)
	_, archive := errors.AsType[*sink.OutputError](err)
	_, known := errors.AsType[*LostAnswer](err)
	switch {
	case known || archive:
		return err
	case err == nil || asked:
		err = lost
	case !errors.Is(err, lost):
		return err
	}
	return &LostAnswer{command, w.untold, int(status), err}
}

// allAnswer makes the command and those below it fail if their answers cannot be written. Their usage lines stay as they are written.
func (w *Env) allAnswer(cmd *cobra.Command) {
	cmd.DisableFlagsInUseLine = true
	for _, c := range cmd.Commands() {
		w.allAnswer(c)
	}
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error { return w.Answered(cmd.CommandPath(), run(cmd, args)) }
	}
}

package main

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

// newStream makes a stream of a writer that is none yet.
func newStream(to io.Writer) io.Writer {
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

// exact writes to a stream what has to stay as it is.
func exact(out io.Writer) io.Writer {
	if s, ok := out.(*stream); ok {
		return unchanged{s}
	}
	return out
}

// bare is what is behind a stream, for a display that draws on a terminal.
func bare(out io.Writer) io.Writer {
	if s, ok := out.(*stream); ok {
		return s.to
	}
	return out
}

// writeError is the first error of what was written; nil for a writer that is no stream.
func writeError(out io.Writer) error {
	s, ok := out.(*stream)
	if !ok {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// result prints what finished work is known by, and says how the work would be told of in a sentence: "published app@sha256:…". Where
// standard output does not take it, the error of the command has it.
func (w *world) result(line, done string) {
	if fmt.Fprintln(w.out, line); writeError(w.out) != nil {
		w.untold = append(w.untold, done)
	}
}

// lostAnswer says that standard output could not be written.
type lostAnswer struct {
	command string
	done    []string // what was done for good, of which the answer tells
	status  int      // of the command, had it been written
	err     error
}

func (l *lostAnswer) Error() string {
	if len(l.done) > 0 {
		return fmt.Sprintf("%s, but standard output, which should tell, could not be written: %v", strings.Join(l.done, ", "), l.err)
	}
	return fmt.Sprintf("the answer of %q could not be written to standard output: %v", l.command, l.err)
}

func (l *lostAnswer) Unwrap() error { return l.err }

// silent tells whether nobody wanted the answer: its reader has gone, as head does, and nothing was done that has to be known.
func (l *lostAnswer) silent() bool { return len(l.done) == 0 && errors.Is(l.err, syscall.EPIPE) }

// answered is the end of a command: its own, unless it has gone well but for its answer.
func (w *world) answered(command string, err error) error {
	lost := writeError(w.out)
	if lost == nil {
		return err
	}
	status, asked := errors.AsType[callStatus](err)
	_, archive := errors.AsType[*sink.OutputError](err)
	_, known := errors.AsType[*lostAnswer](err)
	switch {
	case known || archive:
		return err
	case err == nil || asked:
		err = lost
	case !errors.Is(err, lost):
		return err
	}
	return &lostAnswer{command, w.untold, int(status), err}
}

// allAnswer makes the command and those below it fail if their answers cannot be written.
func (w *world) allAnswer(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		w.allAnswer(c)
	}
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error { return w.answered(cmd.CommandPath(), run(cmd, args)) }
	}
}

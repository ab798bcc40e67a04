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

// stream is standard output or standard error. Text that commands write to it may come from others, so stream prints it as package
// printable shows it; printers need not care. It keeps the first write error, so that printers need not check.
type stream struct {
	mu   sync.Mutex
	to   io.Writer
	text *printable.Writer
	err  error
}

// NewStream returns a stream for a writer. A writer that is a stream already is returned as it is.
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

// IsTerminal reports whether the stream is a terminal.
func (s *stream) IsTerminal() bool {
	t, ok := s.to.(interface{ IsTerminal() bool })
	return ok && t.IsTerminal()
}

// unchanged is a stream for bytes that must not change: archives, documents, the output of a program that the user runs.
type unchanged struct{ *stream }

// Write implements io.Writer.
func (u unchanged) Write(p []byte) (int, error) { return u.write(u.to, p) }

// Exact returns a writer to the stream that does not change the bytes.
func Exact(out io.Writer) io.Writer {
	if s, ok := out.(*stream); ok {
		return unchanged{s}
	}
	return out
}

// Bare returns the writer behind a stream, for a display that draws on a terminal.
func Bare(out io.Writer) io.Writer {
	if s, ok := out.(*stream); ok {
		return s.to
	}
	return out
}

// WriteError returns the first write error of a stream; nil for other writers.
func WriteError(out io.Writer) error {
	s, ok := out.(*stream)
	if !ok {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Result prints the identity of finished work, such as a digest. done describes that work in a sentence: "published app@sha256:…". If
// standard output fails, the command's error contains done.
func (w *Env) Result(line, done string) {
	if fmt.Fprintln(w.Out, line); WriteError(w.Out) != nil {
		w.unreported = append(w.unreported, done)
	}
}

// LostAnswer is the error of a command whose standard output could not be written.
type LostAnswer struct {
	command string
	done    []string // permanent effects that the answer would have reported
	Status  int      // of the command, had the answer been written
	err     error
}

// Error implements error.
func (l *LostAnswer) Error() string {
	if len(l.done) > 0 {
		return fmt.Sprintf("%s, but the answer could not be written to standard output: %v", strings.Join(l.done, ", "), l.err)
	}
	return fmt.Sprintf("the answer of %q could not be written to standard output: %v", l.command, l.err)
}

// Unwrap returns why it could not be written.
func (l *LostAnswer) Unwrap() error { return l.err }

// Silent reports whether the error needs no message: the reader is gone, as with head, and the command had no permanent effect.
func (l *LostAnswer) Silent() bool { return len(l.done) == 0 && errors.Is(l.err, syscall.EPIPE) }

// Answered returns the error of a finished command: its own, or a [LostAnswer] if only its answer failed.
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
	return &LostAnswer{command, w.unreported, int(status), err}
}

// allAnswer makes the command and its subcommands fail if their answers cannot be written. It keeps their usage lines unchanged.
func (w *Env) allAnswer(cmd *cobra.Command) {
	cmd.DisableFlagsInUseLine = true
	for _, c := range cmd.Commands() {
		w.allAnswer(c)
	}
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error { return w.Answered(cmd.CommandPath(), run(cmd, args)) }
	}
}

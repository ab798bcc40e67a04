package progress

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"unicode"

	"github.com/morikuni/aec"

	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
	"github.com/docker-multiarch/docker-multiarch/internal/printable"
)

// These are the control sequences of ECMA-48: with parameters (colours end in m, the others move the cursor or erase), operating
// system commands such as a window's title, and the short ones. The first two begin with a character of C1, too.
var (
	control = lazyregexp.New(`(?:\x1b\[|\x{9b})[0-?]*[ -/]*[@-~]|(?:\x1b\]|\x{9d})[^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f]`)
	colour  = lazyregexp.New(`\x1b\[[0-9;:]*m`)
)

// clean removes control sequences that a terminal would act on from a line, and replaces other deceptive characters as package
// printable does. Colours stay if requested, and then end with the line.
func clean(line []byte, colours bool) []byte {
	if printable.Plain(line) {
		return line
	}
	coloured := false
	if bytes.ContainsFunc(line, unicode.IsControl) {
		line = control().ReplaceAllFunc(line, func(seq []byte) []byte {
			if colours && bytes.Equal(colour().Find(seq), seq) {
				coloured = true
				return seq
			}
			return nil
		})
	}
	if !coloured {
		return []byte(printable.Text(string(line)))
	}
	var out []byte
	for len(line) > 0 {
		text, seq := line, []byte(nil)
		if at := colour().FindIndex(line); at != nil {
			text, seq = line[:at[0]], line[at[0]:at[1]]
		}
		out = append(append(out, printable.Text(string(text))...), seq...)
		line = line[len(text)+len(seq):]
	}
	return append(out, aec.Reset...)
}

// stream is a common destination for whole lines of several lanes.
type stream struct {
	mu  sync.Mutex
	out io.Writer
	err error // the first
}

func (s *stream) write(lines []byte) {
	if len(lines) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.out.Write(lines); err != nil && s.err == nil {
		s.err = err
	}
}

// laneWriter receives the lines of one lane, in pieces, and passes whole ones on with the lane's name before them. Text that
// overwrites its line on a terminal (a progress bar that ends in a carriage return) becomes lines.
type laneWriter struct {
	to      *stream
	prefix  string
	colours bool
	dense   bool   // empty lines are left out
	part    []byte // of a line
}

func (w *laneWriter) Write(p []byte) (int, error) {
	w.part = append(w.part, p...)
	end := bytes.LastIndexByte(w.part, '\n')
	if end < 0 {
		return len(p), nil
	}
	w.to.write(w.format(w.part[:end]))
	w.part = append(w.part[:0], w.part[end+1:]...)
	return len(p), nil
}

func (w *laneWriter) format(lines []byte) []byte {
	var out []byte
	for line := range bytes.SplitSeq(lines, []byte("\n")) {
		if w.dense && len(line) == 0 {
			continue
		}
		for piece := range bytes.SplitSeq(bytes.Trim(line, "\r"), []byte("\r")) {
			if text := clean(piece, w.colours); len(text) > 0 {
				out = append(append(out, w.prefix...), text...)
			} else {
				out = append(out, strings.TrimRight(w.prefix, " ")...)
			}
			out = append(out, '\n')
		}
	}
	return out
}

// flush passes on a last line that has no end.
func (w *laneWriter) flush() {
	if len(w.part) > 0 {
		w.to.write(w.format(w.part))
		w.part = nil
	}
}

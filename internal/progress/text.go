package progress

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"sync"

	"github.com/morikuni/aec"
)

// The control sequences of ECMA-48: with parameters (colours end in m, the others move the cursor or erase), operating system
// commands such as a window's title, and the short ones.
var (
	control = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f]`)
	colour  = regexp.MustCompile(`^\x1b\[[0-9;:]*m$`)
)

// clean removes from a line what a terminal would act on. Colours stay if asked for, and then end with the line.
func clean(line []byte, colours bool) []byte {
	if !bytes.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return line
	}
	coloured := false
	line = control.ReplaceAllFunc(line, func(seq []byte) []byte {
		if colours && colour.Match(seq) {
			coloured = true
			return seq
		}
		return nil
	})
	if coloured {
		line = append(line, aec.Reset...)
	}
	return line
}

// stream is where several lanes write whole lines to.
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

// laneWriter takes the lines of one lane, in pieces, and passes whole ones on with the lane's name before them. What overwrites
// its line on a terminal (a progress bar that ends in a carriage return) becomes lines.
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

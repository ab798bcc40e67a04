package exe

import (
	"bytes"
	"strings"
)

// maxLine is how much of the first line Linux reads (BINPRM_BUF_SIZE since 5.1).
const maxLine = 256

// readScript reads the #! line as fs/binfmt_script.c does. It drops blanks around the program and at the end, and takes
// everything after the program as one argument. A carriage return is not a blank: it belongs to the last word.
func readScript(s *stream) (File, bool) {
	s.fill()
	line := s.head[2:min(len(s.head), maxLine)]
	line, _, ended := bytes.Cut(line, []byte("\n"))
	if bytes.IndexByte(line, 0) >= 0 {
		return File{}, false
	}
	words := strings.Trim(string(line), " \t")
	program, arg := words, ""
	if i := strings.IndexAny(words, " \t"); i >= 0 {
		program, arg = words[:i], strings.TrimLeft(words[i:], " \t")
	}
	if program == "" || program == "\r" || !ended && len(line) == maxLine-2 && arg == "" {
		return File{}, false // the kernel refuses a program whose name is cut off
	}
	f := File{Format: Script, Interpreter: program}
	if arg != "" {
		f.Args = []string{arg}
	}
	return f, true
}

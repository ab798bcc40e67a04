package shell

import (
	"fmt"
	"strings"
)

// Bounds on what is parsed. The parser recurses for each bracket and each compound command that it is in, and the stack of a Go program
// that overflows ends the program. So scripts are bounded before they are parsed.
const (
	maxScript  = 32 << 10  // bytes of one script
	maxScripts = 512 << 10 // bytes of all scripts, those that shells are given by scripts among them
	maxOpened  = 1000      // brackets and compound commands of one script
)

// compounds are the words of the shell that another command may follow, which may begin with such a word again.
var compounds = map[string]bool{
	"if": true, "elif": true, "while": true, "until": true, "for": true, "select": true, "case": true, "do": true, "then": true, "else": true,
	"function": true, "time": true, "coproc": true,
}

// beyond says why a script is not parsed; "" if it may be.
func (r *reader) beyond(script string) string {
	if why := tooLarge(script); why != "" {
		return why
	}
	if r.read += len(script); r.read > maxScripts {
		return fmt.Sprintf("is one script of several with more than %d KiB, which are not read", maxScripts>>10)
	}
	return ""
}

// opened counts all that a script may open, in texts and comments too, and whether or not it is closed again: what a bracket in a comment
// closes is known only to the parser.
func opened(script string) (n int) {
	word := 0 // where the word began that is being read
	for i := range len(script) {
		switch c := script[i]; {
		case 'a' <= c && c <= 'z':
			continue
		case strings.IndexByte("({[`", c) >= 0:
			n++
		}
		if compounds[script[word:i]] {
			n++
		}
		word = i + 1
	}
	return n
}

package shell

import (
	"fmt"
	"strings"
)

// These bound the text that is parsed. The parser recurses for each nested bracket and compound command, and a Go program whose
// stack overflows ends. So scripts are bounded before they are parsed.
const (
	maxScript  = 32 << 10  // bytes of one script
	maxScripts = 512 << 10 // bytes of all scripts, nested ones included
	maxOpened  = 1000      // brackets and compound commands of one script
)

// compounds are the shell's words that another command may follow, which may begin with such a word again.
var compounds = map[string]bool{
	"if": true, "elif": true, "while": true, "until": true, "for": true, "select": true, "case": true, "do": true, "then": true, "else": true,
	"function": true, "time": true, "coproc": true,
}

// beyond returns why a script is not parsed, or "" if it may be.
func (r *reader) beyond(script string) string {
	if why := tooLarge(script); why != "" {
		return why
	}
	if r.read += len(script); r.read > maxScripts {
		return fmt.Sprintf("is one script of several with more than %d KiB, which is too much to read", maxScripts>>10)
	}
	return ""
}

// opened counts everything that a script may open, in texts and comments too, whether or not it is closed again. Only the parser
// knows what a bracket in a comment closes.
func opened(script string) (n int) {
	word := 0 // start of the current word
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

// Package printable makes text of others fit to be shown: what registries, images, builders and programs say. A terminal acts on
// control characters, a reader is deceived by marks that turn the direction of text or have no width, and a CI system takes some
// words of a log for its own commands. None of that comes out of this package, and all that people write with does.
//
// A character that must not come out is replaced by U+FFFD, so that a reader sees that something was there. Words that a CI system
// would take for a command get a space in their middle.
//
// [Line] is for a name or a cell of a table, [Text] for what has lines, [JSON] for a document, which keeps its meaning, and [NewWriter]
// for all that goes to a stream. The four do not replace anything in each other's results.
package printable

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text keeps lines and tabs.
func Text(s string) string {
	if Plain([]byte(s)) {
		return s
	}
	var at place
	return string(at.appendText(nil, []byte(s)))
}

// Line makes one line: ends of lines and tabs become spaces. It does not look for commands, since only its caller knows whether it
// stands at the beginning of a line.
func Line(s string) string {
	if Plain([]byte(s)) && !strings.ContainsAny(s, "\n\t") {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '\t' && r <= '\r': // \t \n \v \f \r
			return ' '
		case hidden(r):
			return utf8.RuneError
		}
		return r // broken UTF-8 comes as RuneError
	}, s)
}

// JSON escapes within a valid document's strings what must not be shown. The document means the same, but for broken UTF-8.
func JSON(doc []byte) []byte {
	if Plain(doc) {
		return doc
	}
	out := make([]byte, 0, len(doc)+16)
	var at place
	for i, size := 0, 0; i < len(doc); i += size {
		var r rune
		r, size = utf8.DecodeRune(doc[i:])
		switch command := at.next(r); {
		case r == '\r': // between values only, where it means nothing
		case r == '\n' || r == '\t':
			out = append(out, byte(r))
		case hidden(r) || command && r == '[':
			for _, unit := range utf16.Encode([]rune{r}) {
				out = fmt.Appendf(out, `\u%04x`, unit)
			}
		default:
			out = utf8.AppendRune(out, r)
		}
	}
	return out
}

// hidden tells whether a character is one that a reader does not see as such: controls, line ends of Unicode, marks of direction, and
// what has no width. The two joiners stay: people's names and emoji are written with them, and they move nothing.
func hidden(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	if r < utf8.RuneSelf {
		return r < ' ' || r == '\x7f'
	}
	return r != nonJoiner && r != joiner && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// Plain tells, fast, that [Text] would change nothing, of most text of which that is so: of ASCII in which no command can begin.
func Plain(s []byte) bool {
	for _, c := range s {
		if c < ' ' && c != '\n' && c != '\t' || c >= '\x7f' {
			return false
		}
	}
	return !bytes.Contains(s, []byte("::")) && !bytes.Contains(s, []byte("##"))
}

// appendText appends text that goes on at this place.
func (at *place) appendText(out, text []byte) []byte {
	for i, size := 0, 0; i < len(text); i += size {
		var r rune
		r, size = utf8.DecodeRune(text[i:])
		if r == '\r' && bytes.HasPrefix(text[i+1:], []byte("\n")) {
			continue
		}
		if r != '\n' && r != '\t' && hidden(r) {
			r = utf8.RuneError
		}
		if at.next(r) {
			out = append(out, ' ')
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

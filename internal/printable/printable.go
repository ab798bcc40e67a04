// Package printable makes foreign text safe to show: output of registries, images, builders and programs. A terminal acts on
// control characters, a reader is deceived by marks that change the direction of text or have no width, and a CI system takes
// some words of a log for its own commands. The package removes all of these and keeps everything that people write with.
//
// A character that must not be shown is replaced by U+FFFD, so that a reader sees that something was there. Words that a CI
// system would take for a command get a space in their middle.
//
// [Line] is for a name or a cell of a table, [Text] for text with lines, [JSON] for a document, which keeps its meaning, and
// [NewWriter] for a whole stream. The four do not replace anything in each other's results.
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

// Line makes one line: ends of lines and tabs become spaces. It does not look for commands, since only its caller knows whether
// the text stands at the beginning of a line.
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
		return r // broken UTF-8 arrives as RuneError
	}, s)
}

// JSON escapes characters that must not be shown within a valid document's strings. The document keeps its meaning, except for
// broken UTF-8.
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
		case r == '\r': // between values only, where it has no meaning
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

// hidden reports whether a reader cannot see a character as such: controls, line ends of Unicode, marks of direction, and
// characters without width. The two joiners stay: people's names and emoji are written with them, and they move nothing.
func hidden(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	if r < utf8.RuneSelf {
		return r < ' ' || r == '\x7f'
	}
	return r != nonJoiner && r != joiner && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// Plain reports, fast, whether [Text] would change nothing. It is true for most such text: ASCII in which no command can begin.
func Plain(s []byte) bool {
	for _, c := range s {
		if c < ' ' && c != '\n' && c != '\t' || c >= '\x7f' {
			return false
		}
	}
	return !bytes.Contains(s, []byte("::")) && !bytes.Contains(s, []byte("##"))
}

// appendText appends text that continues at this place.
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

package results

import (
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/findings"
	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
	"github.com/docker-multiarch/docker-multiarch/internal/printable"
)

// Text from outside (names of files, commands, output of programs) is escaped in a report, so that it is never markup. The dialect is
// GitHub's (https://github.github.com/gfm/). In a table, entities protect every character; backslashes do not.

// mdCode returns one line of code.
func mdCode(s string) string {
	if s = printable.Line(strings.Join(strings.Fields(s), " ")); findings.PlainCode().MatchString(s) {
		return "`" + s + "`"
	}
	return "<code>" + entities(s) + "</code>"
}

// mdText returns one line of text.
func mdText(s string) string { return entities(printable.Line(strings.Join(strings.Fields(s), " "))) }

// mdBlock returns lines of preformatted text.
func mdBlock(s string) string { return "<pre>\n" + escapeHTML.Replace(lines(s)) + "\n</pre>\n" }

// mdDetails returns a block that is folded until the reader opens it.
func mdDetails(title, body string) string {
	return "<details><summary><code>" + escapeHTML.Replace(printable.Line(title)) + "</code></summary>\n\n" + mdBlock(body) + "\n</details>\n"
}

// escapeHTML escapes text between tags.
var escapeHTML = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// mdTable returns a table. Its cells are Markdown already.
func mdTable(rows [][]string) string {
	var b strings.Builder
	for i, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			b.WriteString("|" + strings.Repeat(" --- |", len(row)) + "\n")
		}
	}
	return b.String()
}

// marks are the characters that have a meaning in a line of Markdown. An @ would mention a user, and a # would link to an issue;
// GitHub recognises neither before an HTML comment.
const marks = "\\`*_{}[]<>&|~!$"

func entities(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '@' || r == '#':
			fmt.Fprintf(&b, "&#%d;<!-- -->", r)
		case strings.ContainsRune(marks, r):
			fmt.Fprintf(&b, "&#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// lines returns an output with each of its lines printable.
func lines(s string) string {
	split := strings.Split(strings.TrimRight(s, "\r\n"), "\n")
	for i, line := range split {
		line = strings.TrimRight(line, "\r")
		line = line[strings.LastIndexByte(line, '\r')+1:] // a terminal shows only the text after the last carriage return
		split[i] = printable.Line(strings.ReplaceAll(ansi().ReplaceAllString(line, ""), "\t", "    "))
	}
	return strings.Join(split, "\n")
}

// ansi matches the escape sequences of a terminal, such as colours.
var ansi = lazyregexp.New("\x1b\\[[0-9;?]*[ -/]*[@-~]|\x1b[@-Z\\\\-_]")

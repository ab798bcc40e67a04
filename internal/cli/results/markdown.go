package results

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/findings"
	"github.com/docker-multiarch/docker-multiarch/internal/printable"
)

// What comes from outside (names of files, commands, output of programs) is text in a report and never markup, in GitHub's dialect
// (https://github.github.com/gfm/): in a table a backslash does not protect everything, entities do.

// mdCode is one line of code.
func mdCode(s string) string {
	if s = printable.Line(strings.Join(strings.Fields(s), " ")); findings.PlainWord.MatchString(s) {
		return "`" + s + "`"
	}
	return "<code>" + entities(s) + "</code>"
}

// mdText is one line of text.
func mdText(s string) string { return entities(printable.Line(strings.Join(strings.Fields(s), " "))) }

// mdBlock is lines as they are.
func mdBlock(s string) string { return "<pre>\n" + escapeHTML.Replace(lines(s)) + "\n</pre>\n" }

// mdDetails is a block that a reader has to open.
func mdDetails(title, body string) string {
	return "<details><summary><code>" + escapeHTML.Replace(printable.Line(title)) + "</code></summary>\n\n" + mdBlock(body) + "\n</details>\n"
}

// escapeHTML is for text between tags.
var escapeHTML = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// mdTable is a table; its cells are Markdown already.
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

// marks are the characters that mean something to Markdown within a line. An @ would call somebody, a # name an issue; in a text of
// their own GitHub does not see them.
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

// lines is an output with its lines, each printable.
func lines(s string) string {
	split := strings.Split(strings.TrimRight(s, "\r\n"), "\n")
	for i, line := range split {
		line = strings.TrimRight(line, "\r")
		line = line[strings.LastIndexByte(line, '\r')+1:] // what a terminal would show at last
		split[i] = printable.Line(strings.ReplaceAll(ansi.ReplaceAllString(line, ""), "\t", "    "))
	}
	return strings.Join(split, "\n")
}

// ansi is what colours a terminal.
var ansi = regexp.MustCompile("\x1b\\[[0-9;?]*[ -/]*[@-~]|\x1b[@-Z\\\\-_]")

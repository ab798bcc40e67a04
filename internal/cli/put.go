package cli

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"

	"github.com/docker-multiarch/docker-multiarch/internal/printable"
)

// Putf writes as fmt.Fprintf does. It puts each argument on one line, so that only the format makes lines and columns. The stream
// remembers a write error.
func Putf(out io.Writer, format string, args ...any) {
	shown := make([]any, len(args))
	for i, arg := range args {
		shown[i] = oneLine(arg)
	}
	fmt.Fprintf(out, format, shown...)
}

// PutRow writes a row of a table.
func PutRow(out io.Writer, cells ...string) {
	for i, cell := range cells {
		if i > 0 {
			fmt.Fprint(out, "\t")
		}
		Putf(out, "%s", cell)
	}
	fmt.Fprintln(out)
}

// NewTable returns a table whose columns are three spaces apart, with headings if there are any. The caller has to flush it.
func NewTable(out io.Writer, headings ...string) *tabwriter.Writer {
	t := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	if len(headings) > 0 {
		PutRow(t, headings...)
	}
	return t
}

// Paragraph is text that may have several lines. Lines after the first are indented, so that none looks like a line of this program.
type Paragraph string

// Indented returns the text with its later lines indented.
func (p Paragraph) Indented() string {
	lines := strings.Split(string(p), "\n")
	for i, line := range lines[1:] {
		if line != "" && !strings.HasPrefix(line, " ") {
			lines[i+1] = "  " + line
		}
	}
	return strings.Join(lines, "\n")
}

// oneLine returns a value with its text on one line. Numbers are unchanged.
func oneLine(arg any) any {
	switch v := arg.(type) {
	case Paragraph:
		return v.Indented()
	case string:
		return printable.Line(v)
	case []byte:
		return printable.Line(string(v))
	case error:
		return printable.Line(v.Error())
	case fmt.Stringer:
		return printable.Line(v.String())
	}
	if reflect.ValueOf(arg).Kind() == reflect.String {
		return printable.Line(reflect.ValueOf(arg).String())
	}
	return arg
}

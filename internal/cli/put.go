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

// A Table prints rows whose columns are three spaces apart. Each cell is put on one line.
type Table struct{ w *tabwriter.Writer }

// NewTable returns a table, with headings if there are any. The caller has to flush it.
func NewTable(out io.Writer, headings ...any) Table {
	t := Table{tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)}
	if len(headings) > 0 {
		t.Row(headings...)
	}
	return t
}

// Row adds a row. The last cell is not part of a column, so it may be long.
func (t Table) Row(cells ...any) {
	for i, cell := range cells {
		if i > 0 {
			fmt.Fprint(t.w, "\t")
		}
		Putf(t.w, "%v", cell)
	}
	fmt.Fprintln(t.w)
}

// Flush prints the rows. Columns of later rows are as wide as those rows need. Flush returns the error of the stream.
func (t Table) Flush() error { return t.w.Flush() }

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

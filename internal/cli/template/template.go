// Package template prints values in a --format of the Docker CLI: JSON, a Go template, or a table whose rows are one.
//
// Values are data: a template uses their fields, and no methods. So text/template stands here in a form that calls none. With that of the
// standard library, the linker would keep every exported method of the program's types (decision 68).
package template

import (
	"bytes"
	"io"
	"strings"

	template "github.com/DataDog/datadog-agent/pkg/template/text"
	"github.com/docker/cli/cli/command/formatter/tabwriter"
	"github.com/docker/cli/templates"
)

// These words stand for a template.
const (
	Table  = "table"  // and before a template: a table of that
	JSON   = "json"   // all of a value, on one line
	Pretty = "pretty" // of a command that has one
)

// IsTable reports whether a format is that of a table.
func IsTable(format string) bool { return strings.HasPrefix(format, Table) }

// Check returns an error if a format is no template.
func Check(format string) error {
	_, err := parse(format)
	return err
}

// parse reads a format. In a shell's words, \t and \n stand for a tab and the end of a line.
func parse(format string) (*template.Template, error) {
	if format == JSON {
		format = "{{json .}}"
	}
	format = strings.Trim(strings.TrimPrefix(format, Table), " ")
	return template.New("").Funcs(functions).Parse(strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(format))
}

// One prints a value in a format.
func One(out io.Writer, format string, value any) error {
	tmpl, err := parse(format)
	if err != nil {
		return err
	}
	return tmpl.Execute(out, value)
}

// Rows prints a line for each value. A table has the headings of the fields above them.
func Rows[T any](out io.Writer, format string, headings map[string]string, values []T) error {
	tmpl, err := parse(format)
	if err != nil {
		return err
	}
	var lines bytes.Buffer
	for _, value := range values {
		if err := tmpl.Execute(&lines, value); err != nil {
			return err
		}
		lines.WriteByte('\n')
	}
	if !IsTable(format) {
		_, err := lines.WriteTo(out)
		return err
	}
	columns := tabwriter.NewWriter(out, 10, 1, 3, ' ', 0)
	if err := tmpl.Funcs(templates.HeaderFunctions).Execute(columns, headings); err != nil {
		return err
	}
	_, _ = columns.Write([]byte{'\n'})
	_, _ = lines.WriteTo(columns)
	return columns.Flush()
}

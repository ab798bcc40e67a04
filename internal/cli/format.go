package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/docker/cli/cli/command/formatter"
	"github.com/docker/cli/templates"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/printable"
)

// AddTemplateFlag adds --format with the Docker CLI's values: "table", "json", a Go template, or "table" and a template.
func AddTemplateFlag(cmd *cobra.Command, format *string, others ...string) {
	cmd.Flags().StringVar(format, "format", "table", `Format the output ("table", "json", or a Go template such as '{{.Name}}')`)
	_ = cmd.RegisterFlagCompletionFunc("format", OneOf(append([]string{"table", "json"}, others...)...))
}

// CheckTemplate refuses an invalid --format before any work.
func CheckTemplate(format string) error {
	if _, err := templates.Parse(format); err != nil {
		return &Usage{Err: err, Hint: "--format takes table, json, or a Go template such as '{{.Name}}'; --format '{{json .}}' prints all fields"}
	}
	return nil
}

const allFields = "--format '{{json .}}' prints all fields"

// Columns are the columns of a table: the template for "table", and a heading for each field that a template may use.
type Columns struct {
	Table    string
	Headings formatter.SubHeaderContext
	Pretty   string // a template whose values are for people, as those of a table are
}

// row is the value that a template is executed on.
type row = formatter.SubContext

// WriteRows prints rows in a --format. json is one object a line.
func WriteRows[T row](out io.Writer, format string, c Columns, rows []T) error {
	if format == formatter.TableFormatKey {
		format = formatter.TableFormatKey + " " + c.Table
	}
	var text bytes.Buffer
	ctx := formatter.Context{Output: &text, Format: formatter.Format(format)}
	if IsTable(format) || format != "" && format == c.Pretty {
		flatten(reflect.ValueOf(rows))
	}
	err := ctx.Write(&formatter.HeaderContext{Header: c.Headings}, func(write func(formatter.SubContext) error) error {
		for _, r := range rows {
			if err := write(r); err != nil {
				return &Usage{Err: err, Hint: allFields}
			}
		}
		return nil
	})
	if err == nil {
		_, err = io.WriteString(out, AsDocument(text.String()))
	}
	return err
}

// IsTable reports whether a format's values are for people.
func IsTable(format string) bool { return formatter.Format(format).IsTable() }

// WriteOne prints a single answer in a --format other than "table". json is one line.
func WriteOne(out io.Writer, format string, v any) error {
	text := strings.TrimSpace(strings.TrimPrefix(format, formatter.TableFormatKey+" "))
	if text == formatter.JSONFormatKey {
		text = formatter.JSONFormat
	}
	tmpl, err := templates.Parse(strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(text))
	var body bytes.Buffer
	if err == nil {
		err = tmpl.Execute(&body, v)
	}
	if err != nil {
		return &Usage{Err: err, Hint: allFields}
	}
	_, err = fmt.Fprintln(out, AsDocument(body.String()))
	return err
}

// AsDocument returns JSON text, one document or one a line, in a form that a stream shows without a change of meaning. Other text is
// returned as it is.
func AsDocument(text string) string {
	decoder := json.NewDecoder(strings.NewReader(text))
	for {
		var value json.RawMessage
		switch err := decoder.Decode(&value); {
		case errors.Is(err, io.EOF):
			return string(printable.JSON([]byte(text)))
		case err != nil:
			return text
		}
	}
}

// flatten puts each text of a value on one line, so that it fits in a table cell.
func flatten(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		flatten(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			flatten(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			flatten(v.Index(i))
		}
	case reflect.String:
		if v.CanSet() {
			v.SetString(printable.Line(v.String()))
		}
	default: // holds no text
	}
}

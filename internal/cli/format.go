package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/template"
	"github.com/docker-multiarch/docker-multiarch/internal/printable"
)

// AddTemplateFlag adds --format with the Docker CLI's values: "table", "json", a Go template, or "table" and a template.
func AddTemplateFlag(cmd *cobra.Command, format *string, others ...string) {
	cmd.Flags().StringVar(format, "format", "table", `Format the output ("table", "json", or a Go template such as '{{.Name}}')`)
	_ = cmd.RegisterFlagCompletionFunc("format", OneOf(append([]string{"table", "json"}, others...)...))
}

// CheckTemplate refuses an invalid --format before any work.
func CheckTemplate(format string) error {
	if err := template.Check(format); err != nil {
		return &Usage{Err: err, Hint: "--format takes table, json, or a Go template such as '{{.Name}}'; --format '{{json .}}' prints all fields"}
	}
	return nil
}

const allFields = "--format '{{json .}}' prints all fields"

// Columns are the columns of a table: the template for "table", and a heading for each field that a template may use.
type Columns struct {
	Table    string
	Headings map[string]string
	Pretty   string // a template whose values are for people, as those of a table are
}

// WriteRows prints rows in a --format. json is one object a line.
func WriteRows[T any](out io.Writer, format string, c Columns, rows []T) error {
	if format == template.Table {
		format += " " + c.Table
	}
	if template.IsTable(format) || format != "" && format == c.Pretty {
		flatten(reflect.ValueOf(rows))
	}
	var text bytes.Buffer
	if err := template.Rows(&text, format, c.Headings, rows); err != nil {
		return &Usage{Err: err, Hint: allFields}
	}
	_, err := io.WriteString(out, AsDocument(text.String()))
	return err
}

// WriteOne prints a single answer in a --format other than "table". json is one line.
func WriteOne(out io.Writer, format string, v any) error {
	var text bytes.Buffer
	if err := template.One(&text, format, v); err != nil {
		return &Usage{Err: err, Hint: allFields}
	}
	_, err := fmt.Fprintln(out, AsDocument(text.String()))
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

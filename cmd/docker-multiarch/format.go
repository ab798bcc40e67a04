package main

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

// addTemplateFlag is --format as the Docker CLI has it: "table", "json", a Go template, or "table" and a template.
func addTemplateFlag(cmd *cobra.Command, format *string, others ...string) {
	cmd.Flags().StringVar(format, "format", "table", `Format of the output: "table", "json", or a Go template such as '{{.Name}}' or '{{json .}}'`)
	_ = cmd.RegisterFlagCompletionFunc("format", oneOf(append([]string{"table", "json"}, others...)...))
}

// checkTemplate refuses a --format that cannot be read, before any work.
func checkTemplate(format string) error {
	if _, err := templates.Parse(format); err != nil {
		return &usage{err: err, hint: "--format takes table, json, or a Go template such as '{{.Name}}'; all fields: --format '{{json .}}'"}
	}
	return nil
}

// columns are the columns of a table: what is printed for "table", and a heading for each field that a template may have.
type columns struct {
	table    string
	headings formatter.SubHeaderContext
	pretty   string // a template whose values are for people, as those of a table are
}

// row is what a template is executed on.
type row = formatter.SubContext

// writeRows prints rows as --format says: json is one object a line.
func writeRows[T row](out io.Writer, format string, c columns, rows []T) error {
	if format == formatter.TableFormatKey {
		format = formatter.TableFormatKey + " " + c.table
	}
	var text bytes.Buffer
	ctx := formatter.Context{Output: &text, Format: formatter.Format(format)}
	if isTable(format) || format != "" && format == c.pretty {
		flatten(reflect.ValueOf(rows))
	}
	err := ctx.Write(&formatter.HeaderContext{Header: c.headings}, func(write func(formatter.SubContext) error) error {
		for _, r := range rows {
			if err := write(r); err != nil {
				return &usage{err: err, hint: "all fields: --format '{{json .}}'"}
			}
		}
		return nil
	})
	if err == nil {
		_, err = io.WriteString(out, asDocument(text.String()))
	}
	return err
}

// isTable says whether values are meant for people.
func isTable(format string) bool { return formatter.Format(format).IsTable() }

// writeOne prints a single answer as --format says, other than "table": json is one line.
func writeOne(out io.Writer, format string, v any) error {
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
		return &usage{err: err, hint: "all fields: --format '{{json .}}'"}
	}
	_, err = fmt.Fprintln(out, asDocument(body.String()))
	return err
}

// asDocument is text that a stream shows without changing what it means, if it is JSON, one document or one a line.
func asDocument(text string) string {
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

// flatten puts all text of a value into one line each, so that it has one cell of a table.
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
	}
}

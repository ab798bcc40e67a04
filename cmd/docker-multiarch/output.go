package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/docker/go-units"
	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/printable"
)

// say writes a line for the user.
func (w *world) say(line string) { putf(w.err, "%s\n", paragraph(line)) }

// addFormatFlag adds a --format that has no templates.
func addFormatFlag(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVar(format, "format", "table", `Format of the output ("table", "json")`)
	_ = cmd.RegisterFlagCompletionFunc("format", oneOf("table", "json"))
}

// checkFormat refuses what is no value of such a --format.
func checkFormat(format string) error {
	if format != "table" && format != "json" {
		return &usage{err: fmt.Errorf("--format %q is not one of table, json", format)}
	}
	return nil
}

// writeJSON writes a value as an indented document.
func writeJSON(out io.Writer, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", printable.JSON(data))
	return err
}

// orNone is a list with commas, or "none".
func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// orDash is s, or "-" for nothing.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// short is a digest as the Docker CLI shortens it.
func short(d digest.Digest, whole bool) string {
	if whole || d.Validate() != nil {
		return cmp.Or(d.String(), "-")
	}
	return d.Encoded()[:12]
}

// size is a number of bytes for people.
func size(bytes int64) string { return units.HumanSize(float64(bytes)) }

// cut shortens text to a number of characters.
func cut(text string, width int) string {
	if r := []rune(text); len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return text
}

// nonEmpty is a list of s, or of nothing.
func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

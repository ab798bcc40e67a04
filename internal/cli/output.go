package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/docker/go-units"
	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/printable"
)

// Note writes a diagnostic for the user.
func (w *Env) Note(d diag.Diagnostic) { Putf(w.Err, "%s\n", Paragraph(d.Shown())) }

// Say writes a line for the user.
func (w *Env) Say(line string) { diag.Notes(w.Note).Say(line) }

// AddFormatFlag adds a --format without templates.
func AddFormatFlag(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVar(format, "format", "table", `Format the output ("table", "json")`)
	_ = cmd.RegisterFlagCompletionFunc("format", OneOf("table", "json"))
}

// CheckFormat refuses a value that such a --format does not have.
func CheckFormat(format string) error {
	if format != "table" && format != "json" {
		return &Usage{Err: fmt.Errorf("--format %q is not one of table, json", format)}
	}
	return nil
}

// WriteJSON writes a value as an indented document.
func WriteJSON(out io.Writer, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", printable.JSON(data))
	return err
}

// OrNone returns the list with commas, or "none".
func OrNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// OrDash returns s, or "-" if it is empty.
func OrDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// Short returns a digest, shortened as the Docker CLI does unless whole.
func Short(d digest.Digest, whole bool) string {
	if whole || d.Validate() != nil {
		return cmp.Or(d.String(), "-")
	}
	return d.Encoded()[:12]
}

// Size returns a number of bytes for people.
func Size(bytes int64) string { return units.HumanSize(float64(bytes)) }

// Cut shortens text to a number of characters.
func Cut(text string, width int) string {
	if r := []rune(text); len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return text
}

// NonEmpty returns a list of s; nil if s is empty.
func NonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

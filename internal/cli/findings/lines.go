package findings

import (
	"io"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
)

// Lines prints each diagnostic with its place, severity, check and platforms, and its fix on the next line. It leaves out what a
// diagnostic does not have.
func Lines(out io.Writer, all []diag.Diagnostic) {
	for _, d := range all {
		cli.Putf(out, "%s\n", cli.Paragraph(line(d)))
		if d.Fix != "" {
			cli.Putf(out, "    %s\n", cli.Paragraph(d.Fix))
		}
	}
}

// line returns a diagnostic without its fix, as in "Dockerfile:3: warning: the message (check) [linux/arm64]".
func line(d diag.Diagnostic) string {
	var b strings.Builder
	for _, word := range []string{d.Place(), string(d.Severity)} {
		if word != "" {
			b.WriteString(word + ": ")
		}
	}
	b.WriteString(d.Text())
	if d.Check != "" {
		b.WriteString(" (" + d.Check + ")")
	}
	if len(d.Platforms) > 0 {
		b.WriteString(" [" + strings.Join(d.Platforms, ", ") + "]")
	}
	return b.String()
}

package explain

import (
	"cmp"
	"io"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
)

// explainFindings prints several reasons why a build did not start, each with advice.
func explainFindings(out io.Writer, refused *preflight.Error) {
	cli.Putf(out, "ERROR: %d things are in the way of the build, and nothing of it was done:\n", len(refused.Findings))
	for i, f := range refused.Findings {
		cli.Putf(out, "  %d. %s\n", i+1, cli.Paragraph(strings.ReplaceAll(f.String(), "\n", "\n     ")))
		if hint := FixOf(f); hint != "" {
			cli.Putf(out, "     Hint: %s\n", cli.Paragraph(strings.ReplaceAll(hint, "\n", "\n     ")))
		}
	}
}

// FixOf returns what the user can do about a finding.
func FixOf(f preflight.Finding) string { return cmp.Or(f.Fix, Hint(f.Err)) }

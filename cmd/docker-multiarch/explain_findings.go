package main

import (
	"cmp"
	"io"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
)

// explainFindings writes several reasons for which a build was not begun, each with what can be done about it.
func explainFindings(out io.Writer, refused *preflight.Error) {
	putf(out, "ERROR: %d things are in the way of the build, and nothing of it was done:\n", len(refused.Findings))
	for i, f := range refused.Findings {
		putf(out, "  %d. %s\n", i+1, paragraph(strings.ReplaceAll(f.String(), "\n", "\n     ")))
		if hint := fixOf(f); hint != "" {
			putf(out, "     Hint: %s\n", paragraph(strings.ReplaceAll(hint, "\n", "\n     ")))
		}
	}
}

// fixOf is what can be done about a finding.
func fixOf(f preflight.Finding) string { return cmp.Or(f.Fix, hintFor(f.Err)) }

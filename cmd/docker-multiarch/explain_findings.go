package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/build"
)

// explainFindings writes several reasons for which a build was not begun, each with what can be done about it.
func explainFindings(out io.Writer, refused *build.PreflightError) {
	fmt.Fprintf(out, "ERROR: %d things are in the way of the build, and nothing of it was done:\n", len(refused.Findings))
	for i, f := range refused.Findings {
		fmt.Fprintf(out, "  %d. %s\n", i+1, strings.ReplaceAll(f.String(), "\n", "\n     "))
		if hint := fixOf(f); hint != "" {
			fmt.Fprintf(out, "     Hint: %s\n", strings.ReplaceAll(hint, "\n", "\n     "))
		}
	}
}

// fixOf is what can be done about a finding.
func fixOf(f build.Finding) string { return cmp.Or(f.Fix, hintFor(f.Err)) }

package graph

import (
	"regexp"
	"strings"
)

var (
	namePrefix = regexp.MustCompile(`^(LINK )?\[[^\]]*\] `)
	pinnedTo   = regexp.MustCompile(`@sha256:[0-9a-f]{64}`)
)

// Instruction returns the Dockerfile's instruction out of the frontend's name for the step.
func (s Step) Instruction() string {
	first, _, more := strings.Cut(pinnedTo.ReplaceAllString(namePrefix.ReplaceAllString(s.Name, ""), ""), "\n")
	if more {
		first += "…"
	}
	return first
}

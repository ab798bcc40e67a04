package graph

import (
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
)

// Instruction returns the Dockerfile's instruction out of the frontend's name for the step.
func (s Step) Instruction() string {
	first, _, more := strings.Cut(buildkitmsg.TrimDigests(buildkitmsg.TrimStep(s.Name)), "\n")
	if more {
		first += "…"
	}
	return first
}

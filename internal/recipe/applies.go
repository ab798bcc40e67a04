package recipe

import (
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

// applies reports whether the recipe applies to a stage: the user named it, a step names one of the recipe's tools, or a step
// has a variable of the recipe's base images. For other stages the recipe's reasons would be true and useless: "--cross=go" for a
// stage that calls make for Rust.
func (e *judgement) applies() bool {
	return e.Named || slices.ContainsFunc(e.Steps, func(s graph.Step) bool {
		if s.Kind != graph.Exec {
			return false
		}
		vars := variablesOf(s.Env)
		return slices.ContainsFunc(e.recipe.marks.env, func(name string) bool { return vars[name] != "" }) ||
			slices.ContainsFunc(s.Args, e.namesTool)
	})
}

// namesTool reports whether a script contains the name of one of the recipe's tools as a word.
func (e *judgement) namesTool(script string) bool {
	words := strings.FieldsFunc(script, func(r rune) bool {
		return r != '-' && r != '_' && r != '.' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(e.recipe.tools, w) })
}

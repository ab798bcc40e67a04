package recipe

import (
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

// concerns tells whether a stage has to do with the recipe: the user says so, its steps name one of the recipe's tools, or have a variable
// that base images of its kind have. What is said of other stages would be true and of no use: "--cross=go" of one that calls make for Rust.
func (e *exam) concerns() bool {
	return e.Named || slices.ContainsFunc(e.Steps, func(s graph.Step) bool {
		if s.Kind != graph.Exec {
			return false
		}
		vars := variablesOf(s.Env)
		return slices.ContainsFunc(e.recipe.marks.env, func(name string) bool { return vars[name] != "" }) ||
			slices.ContainsFunc(s.Args, e.namesTool)
	})
}

// namesTool tells whether a script has the name of one of the recipe's tools in it, as a word.
func (e *exam) namesTool(script string) bool {
	words := strings.FieldsFunc(script, func(r rune) bool {
		return r != '-' && r != '_' && r != '.' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(e.recipe.tools, w) })
}

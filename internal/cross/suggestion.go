package cross

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
)

// suggestion returns why a chain is not relocated. Where the user's choice has no recipe for it, it names the one that would
// relocate it.
func (m *relocator) suggestion(t *stageOutput) recipe.Refusal {
	if t.why.Check != "no-recipe" || t.refusedBy != "" {
		return t.why
	}
	for _, r := range recipe.All() {
		asked := slices.ContainsFunc(m.Choice.candidates(t.stage), func(a candidate) bool { return a.recipe.Name == r.Name })
		if r.Auto || asked || !r.AcceptsIfNamed(m.stage(t, m.copied[t.step.Digest], true)) {
			continue
		}
		why := t.why
		why.Message = fmt.Sprintf("recipe %s fits its commands, and is used by name only", r.Name)
		why.Naming = recipe.Naming{Choice: m.Choice.with(r, t.stage), If: "it makes nothing but " + r.About}
		return why
	}
	return t.why
}

// with returns the value that names one more recipe, for a stage if it has a name of its own.
func (c Choice) with(r recipe.Recipe, stage string) string {
	word := r.Name
	if stage != "" && !strings.HasPrefix(stage, "stage-") {
		word += ":" + stage
	}
	return c.String() + "," + word
}

// onTrust returns what is taken on trust in a chain that a user's named recipe relocates.
func (m *relocator) onTrust(t *stageOutput) diag.Diagnostic {
	by := t.by.recipes[0]
	for _, a := range m.Choice.candidates(t.stage) {
		if a.named && a.recipe.Name == by.Name {
			return by.Trusts(m.stage(t, nil, true))
		}
	}
	return diag.Diagnostic{}
}

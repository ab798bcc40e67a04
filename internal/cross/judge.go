package cross

import (
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
)

// verdict is the recipes' answer for a chain and the paths that others copy from it.
type verdict struct {
	copied    []recipe.CopiedPath
	recipes   []recipe.Recipe // those that accept it; the first one is used
	edits     map[digest.Digest]recipe.Edit
	why       recipe.Refusal // why no recipe accepts it
	refusedBy string         // the recipe that gave the reason
}

// judge returns the verdict on an output's chain if others copy these paths from it.
type judge func(t *stageOutput, copied []recipe.CopiedPath) *verdict

// candidate is a recipe that may be used for a chain.
type candidate struct {
	recipe recipe.Recipe
	named  bool
}

// candidates returns the recipes that the user's choice allows for a stage, named ones first.
func (c Choice) candidates(stage string) (all []candidate) {
	for _, n := range c.Named {
		if n.Stage == "" || strings.EqualFold(n.Stage, stage) {
			if r, ok := recipe.Find(n.Recipe); ok {
				all = append(all, candidate{r, true})
			}
		}
	}
	if !c.Auto {
		return all
	}
	for _, r := range recipe.All() {
		if r.Auto && !slices.ContainsFunc(all, func(a candidate) bool { return a.recipe.Name == r.Name }) {
			all = append(all, candidate{recipe: r})
		}
	}
	return all
}

func (m *relocator) stage(t *stageOutput, copied []recipe.CopiedPath, named bool) recipe.Stage {
	return recipe.Stage{Name: t.stage, Target: m.Target, Native: m.Native, Steps: t.chain[1:], Copied: copied, ForeignPaths: t.foreignPaths, Named: named}
}

// notNamed is the reason of a stage that the user's choice has no recipe for.
var notNamed = reason("no-recipe", "no recipe is named for it", "", 0)

// precheck asks all recipes without the base image.
func (m *relocator) precheck(t *stageOutput, copied []recipe.CopiedPath) *verdict {
	v := &verdict{why: recipe.Refusal{Diagnostic: notNamed}}
	for _, a := range m.Choice.candidates(t.stage) {
		if ok, why := a.recipe.Precheck(m.stage(t, copied, a.named)); ok {
			v.recipes = append(v.recipes, a.recipe)
		} else {
			v.refuse(a.recipe, why)
		}
	}
	return v
}

// judgeChain asks the recipes in order until one accepts the chain.
func (m *relocator) judgeChain(t *stageOutput, copied []recipe.CopiedPath) *verdict {
	v := &verdict{why: recipe.Refusal{Diagnostic: notNamed}}
	for _, a := range m.Choice.candidates(t.stage) {
		s := m.stage(t, copied, a.named)
		ok, why := a.recipe.Precheck(s)
		if !ok {
			v.refuse(a.recipe, why)
			continue
		}
		if s.Base, ok = m.base(t.image); !ok {
			v.refuse(a.recipe, recipe.Refusal{Diagnostic: reason("base", "its base image was not inspected", "", 0)})
			continue
		}
		if v.edits, why = a.recipe.Judge(s); !why.Found() {
			v.recipes = []recipe.Recipe{a.recipe}
			return v
		}
		v.refuse(a.recipe, why)
	}
	return v
}

// base returns the findings about an image. ok is false if that very image was not inspected.
func (b Build) base(img graph.ImageRef) (base recipe.Base, ok bool) {
	digests, pinned := b.Digests[img.Name]
	base, ok = b.Bases[img.Name]
	return base, ok && (!pinned || slices.Contains(digests, img.Digest))
}

// refuse keeps the first reason. A reason of a recipe that applies to the chain replaces one that does not.
func (v *verdict) refuse(r recipe.Recipe, why recipe.Refusal) {
	switch {
	case v.refusedBy != "":
	case why.Check == "nothing":
		v.why.Diagnostic = reason("no-recipe", "no recipe fits its commands", "", 0)
	default:
		v.why, v.refusedBy = why, r.Name
	}
}

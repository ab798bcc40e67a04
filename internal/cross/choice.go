package cross

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
)

// Choice is the set of recipes that may relocate steps. The zero value is off.
type Choice struct {
	// Auto allows recipes whose output is known to be the same, byte for byte.
	Auto bool
	// Named are the recipes that the user named, in the order given.
	Named []Named
}

// Named is a recipe that the user named. It also allows commands that it does not know.
type Named struct {
	Recipe string
	Stage  string // "" is any stage
}

// Off reports whether nothing may be relocated.
func (c Choice) Off() bool { return !c.Auto && len(c.Named) == 0 }

// Names reports whether the user named a recipe. Its results are then the same only as far as the user knows.
func (c Choice) Names(recipe string) bool {
	return slices.ContainsFunc(c.Named, func(n Named) bool { return n.Recipe == recipe })
}

// Parse reads the values of --cross: "auto", "off", RECIPE and RECIPE:STAGE, separated by commas or given as several values. No
// value means off. An error quotes the word and lists the valid ones.
func Parse(values []string) (Choice, error) {
	var c Choice
	seen := map[string]bool{}
	for _, word := range words(values) {
		if word == "" {
			return Choice{}, fmt.Errorf("an empty word: use auto, off, %s", theRecipes())
		}
		if seen[word] {
			return Choice{}, fmt.Errorf("%q is there twice", word)
		}
		seen[word] = true
		if word == "auto" || word == "off" {
			c.Auto = c.Auto || word == "auto"
			continue
		}
		named, err := parseNamed(word)
		if err != nil {
			return Choice{}, err
		}
		c.Named = append(c.Named, named)
	}
	if seen["off"] && len(seen) > 1 {
		return Choice{}, errors.New(`"off" stands alone`)
	}
	for _, n := range c.Named {
		if n.Stage != "" && seen[n.Recipe] {
			return Choice{}, fmt.Errorf(`"%s:%s": %s is there for all stages already`, n.Recipe, n.Stage, n.Recipe)
		}
	}
	return c, nil
}

func words(values []string) (all []string) {
	for _, value := range values {
		for _, word := range strings.Split(value, ",") {
			all = append(all, strings.TrimSpace(word))
		}
	}
	return all
}

func parseNamed(word string) (Named, error) {
	name, stage, hasStage := strings.Cut(word, ":")
	if _, ok := recipe.Find(name); !ok {
		return Named{}, fmt.Errorf("there is no recipe %q: use auto, off, %s", name, theRecipes())
	}
	if hasStage && stage == "" {
		return Named{}, fmt.Errorf("%q names no stage: %s:STAGE, or %s for all", word, name, name)
	}
	return Named{Recipe: name, Stage: stage}, nil
}

// theRecipes lists the words for recipes, for an error.
func theRecipes() string {
	var names []string
	for _, r := range recipe.All() {
		names = append(names, r.Name)
	}
	return strings.Join(names, ", ")
}

// String returns a value that [Parse] reads as c.
func (c Choice) String() string {
	if c.Off() {
		return "off"
	}
	var words []string
	if c.Auto {
		words = append(words, "auto")
	}
	for _, n := range c.Named {
		word := n.Recipe
		if n.Stage != "" {
			word += ":" + n.Stage
		}
		words = append(words, word)
	}
	return strings.Join(words, ",")
}

package recipe_test

import (
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
)

func TestEveryRecipeIsFoundByItsName(t *testing.T) {
	auto := 0
	for _, r := range recipe.All() {
		found, ok := recipe.Find(r.Name)
		if !ok || found.About != r.About || r.About == "" {
			t.Errorf("Find(%q) = %v, %v", r.Name, found, ok)
		}
		if r.Auto {
			auto++
		}
		if r.Output != recipe.OutputTarget && r.Output != recipe.OutputNone {
			t.Errorf("recipe %s has the output %q", r.Name, r.Output)
		}
	}
	if auto != 1 {
		t.Errorf("%d recipes are for auto, want go alone", auto)
	}
	if _, ok := recipe.Find("rust"); ok {
		t.Error("rust was found")
	}
}

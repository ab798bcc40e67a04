package cross_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
)

func TestAChoiceIsReadFromTheWordsOfItsFlag(t *testing.T) {
	named := func(words ...string) (all []cross.Named) {
		for _, w := range words {
			r, stage, _ := strings.Cut(w, ":")
			all = append(all, cross.Named{Recipe: r, Stage: stage})
		}
		return all
	}
	for words, want := range map[string]cross.Choice{
		"auto":               {Auto: true},
		"off":                {},
		"go":                 {Named: named("go")},
		"node:assets":        {Named: named("node:assets")},
		" auto, node":        {Auto: true, Named: named("node")},
		"node:a,node:b,hugo": {Named: named("node:a", "node:b", "hugo")},
		"go,auto":            {Auto: true, Named: named("go")},
	} {
		got, err := cross.Parse([]string{words})
		if err != nil {
			t.Errorf("%q: %v", words, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", words, diff)
		}
		again, err := cross.Parse([]string{got.String()})
		if diff := cmp.Diff(got, again); err != nil || diff != "" {
			t.Errorf("%q is %q, which is read as (-want +got):\n%s%v", words, got, diff, err)
		}
	}
	several, err := cross.Parse([]string{"auto", "java,node:ui"})
	if err != nil || several.String() != "auto,java,node:ui" {
		t.Errorf("several values: %v, %v", several, err)
	}
	if none, err := cross.Parse(nil); err != nil || !none.Off() || none.String() != "off" {
		t.Errorf("no value: %v, %v", none, err)
	}
}

func TestAChoiceThatCannotBeIsRefusedInWords(t *testing.T) {
	for words, want := range map[string]string{
		"rust":      `there is no recipe "rust": use auto, off, go`,
		"Auto":      `there is no recipe "Auto": use auto, off, go`,
		"":          "an empty word: use auto, off, go",
		"go,":       "an empty word: use auto, off, go",
		"off,go":    `"off" stands alone`,
		"auto,off":  `"off" stands alone`,
		"off,off":   `"off" is there twice`,
		"auto,auto": `"auto" is there twice`,
		"go,go":     `"go" is there twice`,
		"go,go:a":   `"go:a": go is there for all stages already`,
		"go:":       `"go:" names no stage: go:STAGE, or go for all`,
		":a":        `there is no recipe "": use auto, off, go`,
	} {
		_, err := cross.Parse([]string{words})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s…", words, err, want)
		}
	}
}

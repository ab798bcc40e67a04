package gate

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
)

// allowance holds the user's globs and records which of them match.
type allowance struct {
	globs []glob
}

type glob struct {
	text  string
	parts []string
	hit   bool
}

func newAllowance(texts []string) (a allowance) {
	for _, text := range texts {
		a.globs = append(a.globs, glob{text: text, parts: strings.Split(listing.Clean(text), "/")})
	}
	return a
}

// CheckAllow returns what is wrong with a glob of Options.Allow.
func CheckAllow(text string) error {
	for _, part := range strings.Split(listing.Clean(text), "/") {
		if _, err := path.Match(part, ""); err != nil {
			return err
		}
	}
	return nil
}

// allows reports whether a glob matches a path or a folder above it.
func (a *allowance) allows(p string) bool {
	if len(a.globs) == 0 {
		return false
	}
	parts := strings.Split(p, "/")
	allowed := false
	for i := range a.globs {
		if matchParts(a.globs[i].parts, parts) {
			a.globs[i].hit, allowed = true, true
		}
	}
	return allowed
}

func (a *allowance) unmatched() (texts []string) {
	for _, g := range a.globs {
		if !g.hit {
			texts = append(texts, g.text)
		}
	}
	return texts
}

// matchParts compares folder by folder. Everything below a match matches too. ** is any number of folders, including none. The
// set of places in the glob that each part of the path reaches keeps the cost of a hostile path linear.
func matchParts(globs, parts []string) bool {
	at := map[int]bool{0: true}
	for i := 0; ; i++ {
		spread(at, globs)
		if at[len(globs)] {
			return true
		}
		if i == len(parts) || len(at) == 0 {
			return false
		}
		next := map[int]bool{}
		for g := range at {
			if globs[g] == "**" {
				next[g] = true
			} else if ok, err := path.Match(globs[g], parts[i]); err == nil && ok {
				next[g+1] = true
			}
		}
		at = next
	}
}

// spread lets ** match no folder.
func spread(at map[int]bool, globs []string) {
	for g := range globs {
		if at[g] && globs[g] == "**" {
			at[g+1] = true
		}
	}
}

// Unmatched returns a warning for each glob of Options.Allow that matches nothing in any of several images. A glob for the files of
// one image may match nothing in the others.
func Unmatched(results []Result) (warnings []diag.Diagnostic) {
	var globs []string
	for i, r := range results {
		if i == 0 {
			globs = slices.Clone(r.Unmatched)
		}
		globs = slices.DeleteFunc(globs, func(glob string) bool { return !slices.Contains(r.Unmatched, glob) })
	}
	for _, glob := range globs {
		warnings = append(warnings, diag.Diagnostic{
			Severity: diag.Warning, Check: CheckAllowUnmatched, Message: fmt.Sprintf("the allowed pattern %q matches no executable of any platform", glob),
		})
	}
	return warnings
}

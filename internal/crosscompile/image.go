package crosscompile

import (
	"path"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// InImage reports whether the gate's findings about the finished image say what [Check] would: all that others take from moved stages is
// copied into the image, each COPY in a layer of its own, and is to be programs for the platform. Where the user named the recipe, more can go
// wrong than the gate looks for.
func InImage(m cross.Moved) bool {
	copies := map[digest.Digest]bool{}
	for _, step := range m.From.Graph.Chain() { // what takes from a tip has another digest in the new graph
		if step.Kind == graph.Merge {
			return false // its layers are those of several steps
		}
		copies[step.Digest] = step.Kind == graph.File
	}
	return !slices.ContainsFunc(m.Tips, func(tip cross.Tip) bool {
		return tip.Recipe.Output != recipe.OutputTarget || !tip.Recipe.Auto || m.From.Choice.Names(tip.Recipe.Name) ||
			slices.ContainsFunc(tip.Leaves, func(l recipe.Leave) bool { return !l.Moved && !copies[l.Step] })
	})
}

// machineChecks are the gate's findings that a file is for another machine.
var machineChecks = []string{
	gate.CheckEntrypoint, gate.CheckInterpreter, gate.CheckLoader, gate.CheckLibrary, gate.CheckCommand, gate.CheckMachine, gate.CheckCompat,
}

// CheckImage compares what the gate has found in the image with what the recipes promise of what was copied into it, where [InImage] holds. It
// is nil if nothing is wrong with that.
func CheckImage(m cross.Moved, findings []gate.Finding) error {
	steps := m.From.Graph.ByDigest()
	for _, f := range findings {
		if !slices.Contains(machineChecks, f.Check) {
			continue
		}
		for _, tip := range m.Tips {
			leaf, ok := leafOf(tip, steps, f)
			if !ok {
				continue
			}
			wrong := &WrongOutputError{
				Recipe: tip.Recipe.Name, Path: leaf.Path, Found: "is for " + f.Found, Wanted: "makes programs for " + platform.Format(m.From.Target),
			}
			if path.Base(leaf.Path) != path.Base(f.Path) {
				wrong.Found += " (" + f.Path + " in the image)"
			}
			return named(wrong, tip)
		}
	}
	return nil
}

// leafOf is what is taken from a tip that a finding is about: by the line of the Dockerfile that has made the file's layer; where that is not
// known, by the file's name.
func leafOf(tip cross.Tip, steps map[digest.Digest]graph.Step, f gate.Finding) (leaf recipe.Leave, ok bool) {
	for _, l := range tip.Leaves {
		step, like := steps[l.Step], path.Base(l.Path) == path.Base(f.Path)
		switch {
		case l.Moved:
		case like && f.Line == 0, like && f.Line == step.Line && f.File == step.File:
			return l, true
		case !ok && f.Line != 0 && f.Line == step.Line && f.File == step.File:
			leaf, ok = l, true
		}
	}
	return leaf, ok
}

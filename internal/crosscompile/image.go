package crosscompile

import (
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// InImage reports whether the gate's findings about the finished image cover everything that [Check] would check: all outputs of relocated
// stages are copied into the image, each COPY in a layer of its own, and are to be programs for the platform. If the user named the recipe,
// other errors are possible than those the gate checks.
func InImage(m cross.Relocated) bool {
	copies := map[digest.Digest]bool{}
	for _, step := range m.From.Graph.Chain() { // a step that copies an output has another digest in the new graph
		if step.Kind == graph.Merge {
			return false // its layers are those of several steps
		}
		copies[step.Digest] = step.Kind == graph.File
	}
	return !slices.ContainsFunc(m.Outputs, func(output cross.Output) bool {
		return output.Recipe.Output != recipe.OutputTarget || !output.Recipe.Auto || m.From.Choice.Names(output.Recipe.Name) ||
			slices.ContainsFunc(output.Copied, func(l recipe.CopiedPath) bool { return !l.Relocated && !copies[l.Step] })
	})
}

// machineChecks are the gate's checks that find a file for another machine.
var machineChecks = []string{
	gate.CheckEntrypoint, gate.CheckInterpreter, gate.CheckLoader, gate.CheckLibrary, gate.CheckCommand, gate.CheckMachine, gate.CheckCompat,
}

// CheckImage compares the gate's findings in the image with the recipes' promises about the copied outputs, where [InImage] holds. It
// returns nil if no promise is broken. Broken promises are recorded in the folder, as by [Check]. An output in a layer that was not examined
// completely is an error as well, since the gate cannot have found anything there.
func CheckImage(m cross.Relocated, findings []diag.Diagnostic, folder string) error {
	steps := m.From.Graph.ByDigest()
	for _, f := range findings {
		for _, output := range m.Outputs {
			if l := copiedIn(output, steps, f); f.Check == gate.CheckLayerNotExamined && l >= 0 {
				return named(&WrongOutputError{Recipe: output.Recipe.Name, Path: output.Copied[l].Path, Err: errors.New(f.Message)}, output)
			}
			if !slices.Contains(machineChecks, f.Check) {
				continue
			}
			if name := origin(output, steps, f); name != "" {
				brokenIn(folder).add(output)
				return named(&WrongOutputError{
					Recipe: output.Recipe.Name, Path: name, Found: "is for " + f.Machine, Wanted: "makes programs for " + platform.Format(m.From.Target),
				}, output)
			}
		}
	}
	return nil
}

// copiedIn returns the index of the output's path in the layer that a finding is about, as far as the layer's line is known; -1 if there is none.
func copiedIn(output cross.Output, steps map[digest.Digest]graph.Step, f diag.Diagnostic) int {
	return slices.IndexFunc(output.Copied, func(l recipe.CopiedPath) bool {
		return !l.Relocated && f.Line > 0 && f.Line == steps[l.Step].Line && f.File == steps[l.Step].File
	})
}

// origin returns the path in an output's stage of the file that a finding is about; "" if it is not from the output. The file is identified
// by the line of the Dockerfile that made its layer, or by its name if the line is not known.
func origin(output cross.Output, steps map[digest.Digest]graph.Step, f diag.Diagnostic) (name string) {
	for _, l := range output.Copied {
		step := steps[l.Step]
		if l.Relocated || f.Line > 0 && (f.Line != step.Line || f.File != step.File) {
			continue
		}
		for _, take := range step.InputPaths {
			below, ok := below(f.Path, take.Dest)
			switch {
			case take.Path != l.Path || !ok:
			case below == "" || below == path.Base(l.Path): // the path was copied under another name, or into a folder
				return l.Path
			case f.Line == 0 || name != "":
			case strings.ContainsAny(l.Path, "*?["):
				name = path.Join(path.Dir(l.Path), below)
			default:
				name = path.Join(l.Path, below)
			}
		}
	}
	return name
}

// below returns the path of a file within a directory, "" if it is the directory itself. ok is false if the file is elsewhere.
func below(name, dir string) (rest string, ok bool) {
	if name == dir {
		return "", true
	}
	return strings.CutPrefix(name, strings.TrimSuffix(dir, "/")+"/")
}

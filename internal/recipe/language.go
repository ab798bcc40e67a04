package recipe

import (
	"slices"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe/shell"
)

// kind has a recipe's rules beyond its tables, for all stages. The zero value has none.
type kind struct {
	// files returns the files that must be known of a base image with that configuration. nil asks for none.
	files func(ocispecs.ImageConfig) (read, exists []string)
	// diagnoses reports whether a step's output blames a source. nil never does.
	diagnoses func(output []byte) bool
	// judge returns the rules for judging one stage. nil is [tables].
	judge func(*judgement) language
}

// language has a recipe's rules beyond its tables, for judging one stage. Its methods are called in the order in which they stand
// here. Those about steps and commands are called for each step and command in turn.
type language interface {
	// port refuses platforms that the recipe does not support.
	port() diag.Diagnostic
	// recognize reads from the base image the facts that commands are judged by, and reports whether they identify a base image of the
	// recipe.
	recognize() (recognised bool, why diag.Diagnostic)
	// changes refuses a COPY or ADD that changes the inspected tools.
	changes(s graph.Step) diag.Diagnostic
	// read parses a step, with the environment of its relocated form.
	read(gs graph.Step) (step, shell.Script, diag.Diagnostic)
	// observe is called with each command before it is judged.
	observe(c shell.Command)
	// settings reports whether the tools may read their settings from a file.
	settings(name string) bool
	// mayReplaceTools reports whether a command that writes to these files may replace the tools or settings.
	mayReplaceTools(c shell.Command, files []string) bool
	// contains reports whether a path is among the tools. overlaps also reports a directory above them.
	contains(name string) bool
	overlaps(names []string) bool
	// command judges a command of the recipe's own tools. trusted judges an unknown command that is accepted because the user
	// named the recipe.
	command(s step, c shell.Command) diag.Diagnostic
	trusted(s step, c shell.Command) diag.Diagnostic
	// finish is called after all commands of a step were judged.
	finish(s step) diag.Diagnostic
	// holds names something at a path that must not leave the stage, or returns "". relocated is that of [CopiedPath].
	holds(path string, relocated bool) string
	// unsure returns a condition under which the judgement would differ and which the base image decides, or "".
	unsure() string
}

// tables is the language of a recipe that has only tables.
type tables struct{ e *judgement }

func (tables) port() diag.Diagnostic                        { return diag.Diagnostic{} }
func (tables) recognize() (bool, diag.Diagnostic)           { return false, diag.Diagnostic{} }
func (tables) changes(graph.Step) diag.Diagnostic           { return diag.Diagnostic{} }
func (tables) observe(shell.Command)                        {}
func (tables) settings(string) bool                         { return false }
func (tables) mayReplaceTools(shell.Command, []string) bool { return false }
func (tables) contains(string) bool                         { return false }
func (tables) overlaps([]string) bool                       { return false }
func (tables) trusted(step, shell.Command) diag.Diagnostic  { return diag.Diagnostic{} }
func (tables) finish(step) diag.Diagnostic                  { return diag.Diagnostic{} }
func (tables) holds(string, bool) string                    { return "" }
func (tables) unsure() string                               { return "" }
func (tables) read(gs graph.Step) (step, shell.Script, diag.Diagnostic) {
	return newStep(gs), shell.Read(inputOf(gs)), diag.Diagnostic{}
}

func (t tables) command(step, shell.Command) diag.Diagnostic {
	t.e.work = true
	return diag.Diagnostic{}
}

// newStep returns a step with its own environment.
func newStep(gs graph.Step) step {
	return step{Step: gs, env: gs.Env, derived: map[string]string{}, added: map[string]bool{}}
}

// inputOf returns the input of a step's program.
func inputOf(gs graph.Step) shell.Input {
	return shell.Input{
		Args: gs.Args, Env: gs.Env, Cwd: gs.Cwd,
		Open: slices.ContainsFunc(gs.Mounts, func(m graph.Mount) bool { return m.Type == "secret" && m.Dest == "" }),
	}
}

package recipe

import (
	"slices"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe/shell"
)

// kind is what a recipe knows besides its tables, of any stage. The zero value knows nothing more.
type kind struct {
	// files are what must be known of a base image with that configuration; nil asks for nothing.
	files func(ocispecs.ImageConfig) (read, exists []string)
	// diagnoses reports whether a step's output says that a source is wrong; nil never does.
	diagnoses func(output []byte) bool
	// judge is for one judgement of a stage; nil is [tables].
	judge func(*exam) language
}

// language is what a recipe knows besides its tables, in one judgement of a stage. Its methods are called in the order in which they stand
// here, those about steps and commands for each of them in turn.
type language interface {
	// port refuses platforms that the recipe is not for.
	port() Reason
	// look takes from the base image what the commands are judged by, and reports whether that makes it one of the recipe's kind.
	look() (recognised bool, why Reason)
	// changes refuses a COPY or ADD that changes the tools that were looked at.
	changes(s graph.Step) Reason
	// read reads what a step runs, with the environment that it would be moved with.
	read(gs graph.Step) (step, shell.Script, Reason)
	// sees is told of each command, before it is judged.
	sees(c shell.Command)
	// settings reports whether the tools may read their settings from a file.
	settings(name string) bool
	// disturbs reports whether a command that writes to these files may put other tools or settings in the way.
	disturbs(c shell.Command, files []string) bool
	// contains reports whether a path is among the tools, and overlaps whether one of them is, or has them below it.
	contains(name string) bool
	overlaps(names []string) bool
	// command examines a command of the recipe's own tools, and trusted one that is not known and is taken for safe.
	command(s step, c shell.Command) Reason
	trusted(s step, c shell.Command) Reason
	// finish is told when all commands of a step are examined.
	finish(s step) Reason
	// holds names what must not leave the stage and is at a path; "" if nothing is. moved is of [Leave].
	holds(path string, moved bool) string
	// unsure is a condition under which the judgement would be another one, which the base image decides; "" if there is none.
	unsure() string
}

// tables is the language of a recipe that its tables are all of.
type tables struct{ e *exam }

func (tables) port() Reason                          { return Reason{} }
func (tables) look() (bool, Reason)                  { return false, Reason{} }
func (tables) changes(graph.Step) Reason             { return Reason{} }
func (tables) sees(shell.Command)                    {}
func (tables) settings(string) bool                  { return false }
func (tables) disturbs(shell.Command, []string) bool { return false }
func (tables) contains(string) bool                  { return false }
func (tables) overlaps([]string) bool                { return false }
func (tables) trusted(step, shell.Command) Reason    { return Reason{} }
func (tables) finish(step) Reason                    { return Reason{} }
func (tables) holds(string, bool) string             { return "" }
func (tables) unsure() string                        { return "" }
func (tables) read(gs graph.Step) (step, shell.Script, Reason) {
	return newStep(gs), shell.Read(inputOf(gs)), Reason{}
}

func (t tables) command(step, shell.Command) Reason {
	t.e.work = true
	return Reason{}
}

// newStep is a step with the environment that it has.
func newStep(gs graph.Step) step {
	return step{Step: gs, env: gs.Env, derived: map[string]string{}, added: map[string]bool{}}
}

// inputOf is what a step runs.
func inputOf(gs graph.Step) shell.Input {
	return shell.Input{
		Args: gs.Args, Env: gs.Env, Cwd: gs.Cwd,
		Open: slices.ContainsFunc(gs.Mounts, func(m graph.Mount) bool { return m.Type == "secret" && m.Dest == "" }),
	}
}

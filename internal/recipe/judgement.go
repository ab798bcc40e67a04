package recipe

import (
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe/shell"
)

// judgement is the state of judging one stage.
type judgement struct {
	Stage
	recipe    Recipe
	inspected bool // Base is known
	edits     map[digest.Digest]Edit

	work      bool     // a command is the recipe's own work
	installs  bool     // the system's directories have more than the base image
	installed []string // packages by name
	outputs   []string // paths given to a command's output option: -o
	language  language // the recipe's rules beyond its tables
	known     bool     // the language has recognised the base image
	nameable  bool     // the stage is refused for a command that would be accepted if the user named the recipe
}

func (r Recipe) judgement(s Stage, inspected bool) *judgement {
	e := &judgement{recipe: r, Stage: s, inspected: inspected, edits: map[digest.Digest]Edit{}}
	if e.language = (tables{e}); r.judge != nil {
		e.language = r.judge(e)
	}
	return e
}

// first returns the first reason of the checks.
func (e *judgement) first(checks ...func() diag.Diagnostic) diag.Diagnostic {
	for _, check := range checks {
		if why := check(); why.Found() {
			return why
		}
	}
	return diag.Diagnostic{}
}

// inspect reads from the base image the facts that commands are judged by.
func (e *judgement) inspect() (why diag.Diagnostic) {
	e.known, why = e.language.recognize()
	return why
}

// step is a step that runs something.
type step struct {
	graph.Step
	env     []string          // the environment it runs with
	added   map[string]bool   // variables added for the relocation
	derived map[string]string // variables whose values contain one of the platform's, and its name
}

// reason returns why a stage is not relocated.
func reason(check, message string) diag.Diagnostic {
	return diag.Diagnostic{Check: check, Severity: diag.Note, Message: message}
}

// reason returns a reason with the position of a step.
func (s step) reason(check, message, fix string) diag.Diagnostic {
	return diag.Diagnostic{Check: check, Severity: diag.Note, Message: message, Fix: fix, File: s.File, Line: s.Line}
}

// steps judges the commands of the steps.
func (e *judgement) steps() diag.Diagnostic {
	for _, gs := range e.Steps {
		switch gs.Kind {
		case graph.Exec:
			if why := e.exec(gs); why.Found() {
				return why
			}
		case graph.Build, graph.Other, graph.Passthrough:
			return step{Step: gs}.reason("command", gs.Name+" is an unknown kind of step", "")
		case graph.File, graph.Merge:
			if why := e.language.changes(gs); why.Found() {
				return why
			}
		case graph.Source, graph.Diff:
		}
	}
	if !e.work {
		return e.nothing()
	}
	return diag.Diagnostic{}
}

func (e *judgement) nothing() diag.Diagnostic {
	return reason("nothing", "no command in it is for recipe "+e.recipe.Name)
}

// exec judges one step with the environment of its relocated form.
func (e *judgement) exec(gs graph.Step) diag.Diagnostic {
	s, script, why := e.language.read(gs)
	if why.Found() {
		return why
	}
	if why := e.uses(s, script); why.Found() {
		return why
	}
	for _, p := range script.Problems {
		if !e.Named {
			return e.unlessNamed(s, fmt.Sprintf("RUN %s %s", p.Text, p.Why))
		}
		if why := e.acceptNamed(s, shell.Command{Text: p.Text}); why.Found() {
			return why
		}
	}
	for _, c := range script.Commands {
		if why := e.command(s, c); why.Found() {
			return why
		}
	}
	return e.language.finish(s)
}

// command judges a command.
func (e *judgement) command(s step, c shell.Command) diag.Diagnostic {
	d := e.effect(c)
	if why := e.machine(s, c, d); why.Found() {
		return why
	}
	for _, f := range c.Files {
		if why := e.redirect(s, c, d, f); why.Found() {
			return why
		}
	}
	e.language.observe(c)
	switch d {
	case plain, shows:
		return diag.Diagnostic{}
	case handles:
		return e.handles(s, c)
	case packages:
		return e.packages(s, c)
	case compiles:
		return e.language.command(s, c)
	default:
		return e.notKnown(s, c)
	}
}

// notKnown refuses a command that may have another effect on another CPU.
func (e *judgement) notKnown(s step, c shell.Command) diag.Diagnostic {
	if e.Named {
		return e.acceptNamed(s, c)
	}
	return e.unlessNamed(s, fmt.Sprintf("RUN %s may do something else on another CPU", c.Text))
}

// unlessNamed refuses an unknown command that would be accepted if the user named the recipe.
func (e *judgement) unlessNamed(s step, message string) diag.Diagnostic {
	e.nameable = true
	return s.reason("command", message, "")
}

// acceptNamed accepts an unknown command because the user named the recipe.
func (e *judgement) acceptNamed(s step, c shell.Command) diag.Diagnostic {
	e.work, e.installs = true, true
	return e.language.trusted(s, c)
}

func (e *judgement) effect(c shell.Command) effect {
	if slices.Contains(e.recipe.tools, c.Name()) {
		return compiles
	}
	return effectOf(c)
}

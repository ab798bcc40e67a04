package recipe

import (
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe/shell"
)

// judgement is the state of judging one stage.
type judgement struct {
	Stage
	recipe Recipe
	looked bool // Base is known
	edits  map[digest.Digest]Edit

	work      bool     // a command is the recipe's own work
	installs  bool     // the system's directories have more than the base image
	installed []string // packages by name
	made      []string // paths given to a command's output option: -o
	language  language // the recipe's rules beyond its tables
	known     bool     // the language has recognised the base image
}

func (r Recipe) judgement(s Stage, looked bool) *judgement {
	e := &judgement{recipe: r, Stage: s, looked: looked, edits: map[digest.Digest]Edit{}}
	if e.language = (tables{e}); r.judge != nil {
		e.language = r.judge(e)
	}
	return e
}

// first returns the first reason of the checks.
func (e *judgement) first(checks ...func() Reason) Reason {
	for _, check := range checks {
		if why := check(); why != (Reason{}) {
			return why
		}
	}
	return Reason{}
}

// look reads from the base image the facts that commands are judged by.
func (e *judgement) look() (why Reason) {
	e.known, why = e.language.look()
	return why
}

// step is a step that runs something.
type step struct {
	graph.Step
	env     []string          // the environment it runs with
	added   map[string]bool   // variables added for the relocation
	derived map[string]string // variables whose values contain one of the platform's, and its name
}

// reason returns a reason with the position of a step.
func (s step) reason(check, message, fix string) Reason {
	return Reason{Check: check, Message: message, Fix: fix, File: s.File, Line: s.Line}
}

// steps judges the commands of the steps.
func (e *judgement) steps() Reason {
	for _, gs := range e.Steps {
		switch gs.Kind {
		case graph.Exec:
			if why := e.exec(gs); why != (Reason{}) {
				return why
			}
		case graph.Build, graph.Other, graph.Passthrough:
			return step{Step: gs}.reason("command", gs.Name+" is a step that is not known", "")
		case graph.File, graph.Merge:
			if why := e.language.changes(gs); why != (Reason{}) {
				return why
			}
		case graph.Source, graph.Diff:
		}
	}
	if !e.work {
		return e.nothing()
	}
	return Reason{}
}

func (e *judgement) nothing() Reason {
	return Reason{Check: "nothing", Message: "nothing in it is for recipe " + e.recipe.Name}
}

// exec judges one step with the environment of its relocated form.
func (e *judgement) exec(gs graph.Step) Reason {
	s, script, why := e.language.read(gs)
	if why != (Reason{}) {
		return why
	}
	if why := e.uses(s, script); why != (Reason{}) {
		return why
	}
	for _, p := range script.Problems {
		if !e.Named {
			return s.reason("command", fmt.Sprintf("RUN %s %s", p.Text, p.Why), e.recipe.withName())
		}
		if why := e.acceptNamed(s, shell.Command{Text: p.Text}); why != (Reason{}) {
			return why
		}
	}
	for _, c := range script.Commands {
		if why := e.command(s, c); why != (Reason{}) {
			return why
		}
	}
	return e.language.finish(s)
}

// command judges a command.
func (e *judgement) command(s step, c shell.Command) Reason {
	d := e.effect(c)
	if why := e.machine(s, c, d); why != (Reason{}) {
		return why
	}
	for _, f := range c.Files {
		if why := e.redirect(s, c, d, f); why != (Reason{}) {
			return why
		}
	}
	e.language.observe(c)
	switch d {
	case plain, shows:
		return Reason{}
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
func (e *judgement) notKnown(s step, c shell.Command) Reason {
	if e.Named {
		return e.acceptNamed(s, c)
	}
	return s.reason("command", fmt.Sprintf("RUN %s is not known to do the same for another CPU", c.Text), e.recipe.withName())
}

// acceptNamed accepts an unknown command because the user named the recipe.
func (e *judgement) acceptNamed(s step, c shell.Command) Reason {
	e.work, e.installs = true, true
	return e.language.trusted(s, c)
}

func (e *judgement) effect(c shell.Command) effect {
	if slices.Contains(e.recipe.tools, c.Name()) {
		return compiles
	}
	return effectOf(c)
}

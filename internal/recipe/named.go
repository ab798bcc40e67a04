package recipe

import (
	"fmt"
	"path"
	"slices"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe/shell"
)

// This file covers stages for which the user names a recipe.

// Offers reports whether the recipe would accept a stage if the user named it, judging by the commands alone: all of them must be
// the recipe's own, or known.
func (r Recipe) Offers(s Stage) bool {
	s.Named = true
	if ok, _ := r.Screen(s); !ok {
		return false
	}
	e, own := r.judgement(s, false), false
	for _, gs := range execs(s.Steps) {
		script := shell.Read(shell.Input{Args: gs.Args, Env: gs.Env, Cwd: gs.Cwd})
		if len(script.Problems) > 0 {
			return false
		}
		for _, c := range script.Commands {
			switch {
			case slices.Contains(r.tools, path.Base(c.Args[0].Text)): // ./mvnw is Maven as well
				own = true
			case e.effect(c) == unknown:
				return false
			}
		}
	}
	return own
}

// Trusts returns what is taken on trust in a stage that is accepted because the user named the recipe: the first command that may
// compile for any machine. It is the zero Reason if every compiling command is known.
func (r Recipe) Trusts(s Stage) Reason {
	if s.Named = true; r.Output != OutputTarget {
		return Reason{}
	}
	e := r.judgement(s, false)
	for _, gs := range execs(s.Steps) {
		found, script, _ := e.language.read(gs)
		for _, c := range script.Commands {
			if e.effect(c) == unknown && mayBuild(c) {
				return found.reason("trusted", fmt.Sprintf("RUN %s is trusted to compile for the GOARCH that it is given (%s)", c.Text, s.Target.Architecture),
					"if it sets GOARCH by itself (uname -m, go env GOHOSTARCH), the program is for the wrong machine, and the platform is built a second time")
			}
		}
	}
	return Reason{}
}

func execs(steps []graph.Step) (all []graph.Step) {
	for _, s := range steps {
		if s.Kind == graph.Exec {
			all = append(all, s)
		}
	}
	return all
}

// advised adds to the reason about an unknown command what naming the recipe would lead to.
func (r Recipe) advised(s Stage, why Reason, judge func(Stage) (*judgement, Reason)) Reason {
	if why.Fix != r.withName() {
		return why
	}
	if s.Named {
		why.Fix = ""
		return why
	}
	s.Named = true
	e, other := judge(s)
	switch {
	case other.Check == "cgo":
		why.Fix += ", if ENV CGO_ENABLED=0 is in the stage and it does without C"
	case other != Reason{}:
		why.Fix = fmt.Sprintf("--cross=%s would not move it either: %s", r.Name, other.Message)
		if other.Fix != "" {
			why.Fix += " (" + other.Fix + ")"
		}
	case e.language.unsure() != "":
		why.Fix += ", if " + e.language.unsure()
	}
	return why
}

// withName returns the setting that relocates a stage with unknown commands.
func (r Recipe) withName() string { return fmt.Sprintf("--cross=%s moves it all the same", r.Name) }

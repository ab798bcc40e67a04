package recipe

import (
	"fmt"
	"path"
	"slices"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe/shell"
)

// This file covers stages for which the user names a recipe.

// AcceptsIfNamed reports whether the recipe would accept a stage if the user named it, judging by the commands alone: all of them must be
// the recipe's own, or known.
func (r Recipe) AcceptsIfNamed(s Stage) bool {
	s.Named = true
	if ok, _ := r.Precheck(s); !ok {
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
// compile for any machine. It is zero if every compiling command is known.
func (r Recipe) Trusts(s Stage) diag.Diagnostic {
	if s.Named = true; r.Output != OutputTarget {
		return diag.Diagnostic{}
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
	return diag.Diagnostic{}
}

func execs(steps []graph.Step) (all []graph.Step) {
	for _, s := range steps {
		if s.Kind == graph.Exec {
			all = append(all, s)
		}
	}
	return all
}

// Refusal is why a stage stays on the target platform. The zero value means no refusal.
type Refusal struct {
	diag.Diagnostic // Check is command, arch, author, base, cgo, env, leaves-base, leaves-packages, nothing, attested …
	// Naming is what naming a recipe would change; zero if that changes nothing.
	Naming Naming
}

// Naming is what happens to a stage if the user names a recipe for it.
type Naming struct {
	// Choice names the recipe, in the words of the user's choice: "go", "auto,node:assets".
	Choice string
	// If is the condition under which the stage is relocated then; "" if there is none.
	If string
	// Still is why the stage is not relocated even then.
	Still diag.Diagnostic
}

// Helps reports whether the refusal has advice.
func (r Refusal) Helps() bool { return r.Fix != "" || r.Naming.Choice != "" }

// refusal adds to a judgement's reason what naming the recipe would lead to, if a command is refused that is unknown.
func (r Recipe) refusal(e *judgement, why diag.Diagnostic, judge func(Stage) (*judgement, diag.Diagnostic)) Refusal {
	if !e.nameable || e.Named {
		return Refusal{Diagnostic: why}
	}
	s := e.Stage
	s.Named = true
	named, other := judge(s)
	n := Naming{Choice: r.Name}
	switch {
	case other.Check == "cgo":
		n.If = "the stage has ENV CGO_ENABLED=0 and the program needs no C"
	case other.Found():
		n.Still = other
	default:
		n.If = named.language.unsure()
	}
	return Refusal{why, n}
}

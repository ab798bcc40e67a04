package graph_test

import (
	"testing"

	"github.com/moby/buildkit/client/llb"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// read passes st through the steps of a gateway's reference: marshalled, loaded as a state again, and marshalled once more.
func read(t *testing.T, st llb.State, opts ...llb.ConstraintsOpt) graph.Graph {
	t.Helper()
	def, err := st.Marshal(t.Context(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	if len(def.Def) > 0 {
		op, err := llb.NewDefinitionOp(def.ToPB())
		if err != nil {
			t.Fatal(err)
		}
		if def, err = llb.NewState(op).Marshal(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	g, err := graph.Read(def)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func parse(t *testing.T, name string) platform.Platform {
	t.Helper()
	ps, _, err := platform.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return ps[0]
}

// step returns the only step with the name.
func step(t *testing.T, g graph.Graph, name string) graph.Step {
	t.Helper()
	var found []graph.Step
	var all []string
	for _, s := range g.Steps {
		all = append(all, s.Name)
		if s.Name == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d steps named %q in %q", len(found), name, all)
	}
	return found[0]
}

func formatted(ps []platform.Platform) []string {
	var out []string
	for _, p := range ps {
		out = append(out, platform.Format(p))
	}
	return out
}

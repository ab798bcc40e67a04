package cross

import (
	"bytes"
	"errors"
	"slices"

	"github.com/moby/buildkit/client/llb"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

// errOtherBases means that a definition that was read again has base images other than the inspected ones.
var errOtherBases = errors.New("the base images are not those that were inspected")

// Again applies the same decision to the definition of another reading of the Dockerfile: under pins, with its own cache mounts,
// or in another attempt. Where nothing was relocated, nothing is.
func (m Relocated) Again(def *llb.Definition, g graph.Graph, isolated bool) (Relocated, error) {
	if m.Definition == nil {
		return NotRelocated(g), nil
	}
	if isolated == m.From.Isolated && same(def, m.From.Definition) {
		return m, nil
	}
	b := m.From
	b.Definition, b.Graph, b.Isolated = def, g, isolated
	again, err := Relocate(b)
	if err == nil && again.Definition == nil {
		err = errOtherBases
	}
	return again, err
}

func same(a, b *llb.Definition) bool { return slices.EqualFunc(a.Def, b.Def, bytes.Equal) }

// Apply relocates in another definition of the same result, such as one that scans it, the steps that m relocates. It returns nil
// if the definition has none of them, and m's own definition for the one that m was made from.
func (m Relocated) Apply(def *llb.Definition) (*llb.Definition, error) {
	if same(def, m.From.Definition) {
		return m.Definition, nil
	}
	g, err := graph.Read(def)
	if err != nil {
		return nil, err
	}
	other := m.From
	other.Definition, other.Graph = def, g
	return alike(m.From, other)
}

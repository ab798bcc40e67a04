package cross

import (
	"bytes"
	"errors"
	"slices"

	"github.com/moby/buildkit/client/llb"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

// errOtherBases says that a definition that was read again has other base images than those that were looked at.
var errOtherBases = errors.New("the base images are not those that were looked at")

// Again is the same decision for the definition that another reading of the Dockerfile gives: under pins, with cache mounts of its own, or
// in another attempt. Where nothing was moved, nothing is.
func (m Moved) Again(def *llb.Definition, g graph.Graph, isolated bool) (Moved, error) {
	if m.Definition == nil {
		return Unmoved(g), nil
	}
	if isolated == m.From.Isolated && same(def, m.From.Definition) {
		return m, nil
	}
	b := m.From
	b.Definition, b.Graph, b.Isolated = def, g, isolated
	again, err := Move(b)
	if err == nil && again.Definition == nil {
		err = errOtherBases
	}
	return again, err
}

func same(a, b *llb.Definition) bool { return slices.EqualFunc(a.Def, b.Def, bytes.Equal) }

// Alike moves in another definition of the same result what is moved: one that scans what is built. It is nil if there is nothing of it in
// there, and the moved definition itself for the one that was asked about.
func (m Moved) Alike(def *llb.Definition) (*llb.Definition, error) {
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

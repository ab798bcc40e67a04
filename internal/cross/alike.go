package cross

import (
	"github.com/moby/buildkit/client/llb"
)

// alike moves in another definition of a result what [Move] moves in b's, and nothing else: one that scans what b makes, and stages of
// it. other has a definition, its graph, and what else b has. It is nil if there is nothing of it in there.
//
// To judge the other by itself would keep what is scanned as a whole under the emulator, and have it made twice.
func alike(b, other Build) (*llb.Definition, error) {
	if b.off() || other.off() {
		return nil, nil
	}
	m := newMover(b)
	return m.alike(m.taste, other)
}

func (m *mover) alike(judge judge, other Build) (*llb.Definition, error) {
	m.settle(judge)
	o := newMover(other)
	clear(o.live)
	for _, t := range o.tips {
		if of := m.live[t.step.Digest]; of != nil {
			t.by, o.live[t.step.Digest] = of.by, t
		}
	}
	if len(o.live) == 0 {
		return nil, nil
	}
	o.needed = o.demand()
	r, err := o.rewrite()
	if err != nil {
		return nil, err
	}
	return r.out, nil
}

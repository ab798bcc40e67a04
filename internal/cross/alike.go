package cross

import (
	"github.com/moby/buildkit/client/llb"
)

// alike relocates in another definition of a result, such as one that scans what b makes and stages of it, the steps that [Relocate]
// relocates in b's, and no others. other has a definition, its graph, and whatever else b has. It returns nil if other has
// none of the steps.
//
// Judging other by itself would keep everything that is scanned under the emulator, and build it twice.
func alike(b, other Build) (*llb.Definition, error) {
	if b.off() || other.off() {
		return nil, nil
	}
	m := newRelocator(b)
	return m.alike(m.judgeChain, other)
}

func (m *relocator) alike(judge judge, other Build) (*llb.Definition, error) {
	m.fixpoint(judge)
	o := newRelocator(other)
	clear(o.live)
	for _, t := range o.outputs {
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

package cross

import (
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
)

// fixpoint drops outputs until recipes accept all that are left. An output is judged with its whole chain. An output below it may be relocated
// with it if its files may be copied too. Dropping an output adds copied paths to others and never removes any. So the loop ends, in
// the same state whatever the order.
func (m *relocator) fixpoint(judge judge) {
	for dropped := true; dropped; {
		dropped = false
		m.needed = m.demand()
		copied := m.copiedPaths(m.needed)
		for _, t := range m.outputs {
			t.by = nil
		}
		for _, t := range slices.Backward(m.outputs) { // a chain's output comes after those below it
			if m.live[t.step.Digest] == nil || t.by != nil {
				continue
			}
			v := m.verdictFor(t, copied[t.step.Digest], judge)
			if len(v.recipes) == 0 {
				m.drop(t, v)
				dropped = true
				continue
			}
			dropped = m.relocateWith(t, v, copied, judge) || dropped
		}
		dropped = dropped || m.dropConflict()
	}
}

// relocateWith decides about the outputs below a relocated one, and reports whether it dropped one.
func (m *relocator) relocateWith(t *stageOutput, v *verdict, copied map[digest.Digest][]recipe.CopiedPath, judge judge) (dropped bool) {
	t.by = v
	all := slices.Clip(copied[t.step.Digest])
	var accepted []*stageOutput
	for _, u := range t.lower {
		if m.live[u.step.Digest] == nil || u.by != nil {
			continue
		}
		both := slices.Concat(all, copied[u.step.Digest])
		if combined := m.verdictFor(t, both, judge); len(combined.recipes) > 0 {
			all, t.by, accepted = both, combined, append(accepted, u)
			continue
		}
		if u.by = m.verdictFor(u, copied[u.step.Digest], judge); len(u.by.recipes) == 0 {
			m.drop(u, u.by)
			u.by, dropped = nil, true
		}
	}
	for _, u := range accepted {
		u.by = t.by
	}
	return dropped
}

func (m *relocator) drop(t *stageOutput, v *verdict) {
	delete(m.live, t.step.Digest)
	t.why, t.refusedBy = v.why, v.refusedBy
}

// verdictFor judges a chain, once for the same paths.
func (m *relocator) verdictFor(t *stageOutput, copied []recipe.CopiedPath, judge judge) *verdict {
	for _, v := range t.verdicts {
		if slices.Equal(v.copied, copied) {
			return v
		}
	}
	v := judge(t, copied)
	v.copied = copied
	t.verdicts = append(t.verdicts, v)
	return v
}

// dropConflict drops an output whose chain has a step that another chain needs in another form, and reports whether there was one.
func (m *relocator) dropConflict() bool {
	edits := map[digest.Digest]recipe.Edit{}
	for _, t := range m.outputs {
		if t.by == nil {
			continue
		}
		for _, s := range t.chain {
			e, other := t.by.edits[s.Digest], edits[s.Digest]
			if _, ok := edits[s.Digest]; ok && !sameEdit(e, other) {
				why := reason("command", "it shares steps with another stage, which changes them in another way", s.File, s.Line)
				m.drop(t, &verdict{refusedBy: t.by.recipes[0].Name, why: recipe.Refusal{Diagnostic: why}})
				return true
			}
			edits[s.Digest] = e
		}
	}
	return false
}

func sameEdit(a, b recipe.Edit) bool {
	return slices.Equal(a.Env, b.Env) && slices.Equal(a.Unset, b.Unset) && slices.Equal(a.Args, b.Args)
}

package cross

import (
	"slices"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
)

// tips returns the relocated steps that others copy from and that need a definition of their own.
func (r *rewriter) tips() ([]Tip, error) {
	all := r.leaves(r.needed)
	var tips []Tip
	for _, t := range r.relocator.tips {
		leaves := slices.DeleteFunc(all[t.step.Digest], func(l recipe.Leave) bool { return l.Moved })
		if len(leaves) == 0 {
			continue
		}
		dgst := r.new[true][t.step.Digest]
		def, err := r.until(dgst)
		if err != nil {
			return nil, err
		}
		tips = append(tips, Tip{Digest: dgst, Definition: def, Leaves: leaves, Recipe: t.by.recipes[0]})
	}
	return tips, nil
}

// until returns the part of the new definition that a step is made from.
func (r *rewriter) until(last digest.Digest) (*llb.Definition, error) {
	def := &llb.Definition{Metadata: map[digest.Digest]llb.OpMetadata{}, Source: r.out.Source, Constraints: r.out.Constraints}
	var visit func(digest.Digest) error
	visit = func(d digest.Digest) error {
		if _, ok := def.Metadata[d]; ok {
			return nil
		}
		def.Metadata[d] = r.out.Metadata[d]
		op := &pb.Op{}
		if err := op.UnmarshalVT(r.raw[d]); err != nil {
			return err
		}
		for _, in := range op.Inputs {
			if err := visit(digest.Digest(in.Digest)); err != nil {
				return err
			}
		}
		def.Def = append(def.Def, r.raw[d])
		return nil
	}
	if err := visit(last); err != nil {
		return nil, err
	}
	return def, r.finish(def, last)
}

package cross

import (
	"slices"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
)

// stageOutputs returns the relocated steps that others copy from and that need a definition of their own.
func (r *rewriter) stageOutputs() ([]Output, error) {
	all := r.copiedPaths(r.needed)
	var outputs []Output
	for _, t := range r.outputs {
		copied := slices.DeleteFunc(all[t.step.Digest], func(l recipe.CopiedPath) bool { return l.Relocated })
		if len(copied) == 0 {
			continue
		}
		dgst := r.new[true][t.step.Digest]
		def, err := r.until(dgst)
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, Output{Digest: dgst, Definition: def, Copied: copied, Recipe: t.by.recipes[0]})
	}
	return outputs, nil
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

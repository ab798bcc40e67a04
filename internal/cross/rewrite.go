package cross

import (
	"fmt"
	"maps"
	"slices"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/proto"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
)

// rewriter makes the definition in which the live outputs are relocated. It has each step unchanged, relocated, or both, as others
// need it.
type rewriter struct {
	*relocator
	out       *llb.Definition
	steps     []Step
	raw       map[digest.Digest][]byte                 // operations, old and new
	end       []byte                                   // the operation that names the result
	new       map[bool]map[digest.Digest]digest.Digest // by whether it is relocated, and the old digest
	verdictOf map[digest.Digest]*verdict               // the steps of relocated chains
}

func (m *relocator) rewrite() (*rewriter, error) {
	old := m.Definition
	r := &rewriter{
		relocator: m, raw: make(map[digest.Digest][]byte, len(old.Def)), end: old.Def[len(old.Def)-1],
		new:       map[bool]map[digest.Digest]digest.Digest{false: {}, true: {}},
		verdictOf: map[digest.Digest]*verdict{},
		out: &llb.Definition{
			Metadata: make(map[digest.Digest]llb.OpMetadata, len(old.Metadata)), Constraints: old.Constraints,
		},
	}
	if old.Source != nil {
		r.out.Source = &pb.Source{Infos: old.Source.Infos, Locations: make(map[string]*pb.Locations, len(old.Source.Locations))}
	}
	for _, dt := range old.Def {
		r.raw[digest.FromBytes(dt)] = dt
	}
	for _, t := range m.outputs {
		if t.by == nil {
			continue
		}
		for _, s := range t.chain {
			if r.verdictOf[s.Digest] == nil {
				r.verdictOf[s.Digest] = t.by
			}
		}
	}
	needed := m.needed
	for _, s := range m.Graph.Steps {
		for _, native := range []bool{false, true} {
			if !needed.of(native)[s.Digest] {
				continue
			}
			if err := r.add(s, native); err != nil {
				return nil, err
			}
		}
	}
	return r, r.finish(r.out, r.new[false][m.Graph.Steps[len(m.Graph.Steps)-1].Digest])
}

// add puts a step into the new definition, after its inputs.
func (r *rewriter) add(s graph.Step, native bool) error {
	dt, ok := r.raw[s.Digest]
	if !ok {
		return fmt.Errorf("operation %s is not in the build's definition", s.Digest)
	}
	by := r.verdictOf[s.Digest]
	if !native {
		by = nil // the unchanged step stays as well
	}
	dgst := s.Digest
	var edit recipe.Edit
	edited := false
	if by != nil {
		edit, edited = by.edits[s.Digest]
	}
	if by != nil || r.inputsChange(s, native) {
		op := &pb.Op{}
		if err := op.UnmarshalVT(dt); err != nil {
			return fmt.Errorf("read operation %s: %w", s.Digest, err)
		}
		for _, in := range op.Inputs {
			d := digest.Digest(in.Digest)
			in.Digest = r.input(s, native, d).String()
		}
		if by != nil {
			r.toNative(op, edit)
		}
		var err error
		if dt, err = marshal(op); err != nil {
			return err
		}
		dgst = digest.FromBytes(dt)
	}
	if native && r.new[false][s.Digest] == dgst {
		r.new[true][s.Digest] = dgst // a layer of COPY --link that is used by both
		return nil
	}
	r.new[native][s.Digest] = dgst
	if by != nil {
		r.steps = append(r.steps, Step{Digest: dgst, Original: s.Digest, Recipe: by.recipes[0].Name, Edited: edited})
	}
	r.put(s, dgst, dt, func(name string) string {
		if by == nil {
			return name
		}
		return nativeName(name, r.Target, r.Native, edited)
	})
	return nil
}

func (r *rewriter) input(s graph.Step, native bool, in digest.Digest) digest.Digest {
	return r.new[r.nativeInput(s, native, in)][in]
}

func (r *rewriter) inputsChange(s graph.Step, native bool) bool {
	return slices.ContainsFunc(s.Inputs, func(in digest.Digest) bool { return r.input(s, native, in) != in })
}

// put adds an operation and its metadata. An operation that exists already, as from a stage FROM --platform=$BUILDPLATFORM,
// keeps its own.
func (r *rewriter) put(s graph.Step, dgst digest.Digest, dt []byte, rename func(string) string) {
	if r.out.Source != nil {
		if l, ok := r.Definition.Source.Locations[s.Digest.String()]; ok {
			have := r.out.Source.Locations[dgst.String()]
			r.out.Source.Locations[dgst.String()] = &pb.Locations{Locations: slices.Concat(have.GetLocations(), l.GetLocations())}
		}
	}
	if _, ok := r.out.Metadata[dgst]; ok {
		return
	}
	meta := r.Definition.Metadata[s.Digest]
	if name := meta.Description["llb.customname"]; name != "" {
		meta.Description = maps.Clone(meta.Description)
		meta.Description["llb.customname"] = rename(name)
	}
	r.out.Metadata[dgst], r.raw[dgst] = meta, dt
	r.out.Def = append(r.out.Def, dt)
}

// finish ends a definition in a step, in the way of the old one.
func (r *rewriter) finish(def *llb.Definition, dgst digest.Digest) error {
	end := &pb.Op{}
	if err := end.UnmarshalVT(r.end); err != nil {
		return fmt.Errorf("read the end of the build graph: %w", err)
	}
	end.Inputs[0].Digest = dgst.String()
	dt, err := marshal(end)
	if err != nil {
		return err
	}
	def.Def = append(def.Def, dt)
	if meta, ok := r.Definition.Metadata[digest.FromBytes(r.end)]; ok {
		def.Metadata[digest.FromBytes(dt)] = meta
	}
	return nil
}

// marshal returns the bytes that BuildKit's own client and frontends give an operation (client/llb/marshal.go).
func marshal(op *pb.Op) ([]byte, error) {
	dt, err := proto.MarshalOptions{Deterministic: true}.Marshal(op)
	if err != nil {
		return nil, fmt.Errorf("write an operation of the build graph: %w", err)
	}
	return dt, nil
}

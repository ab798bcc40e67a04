package graph

import (
	"slices"
	"strings"

	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/proto"
)

// Layers returns what identifies the layers of the result, each once: the Layer of each step that adds one, from the base image up.
func (g Graph) Layers() []digest.Digest {
	if len(g.Steps) == 0 {
		return nil
	}
	var layers []digest.Digest
	steps, seen := g.ByDigest(), map[digest.Digest]bool{}
	var add func(digest.Digest)
	add = func(d digest.Digest) {
		s, ok := steps[d]
		if !ok || seen[d] {
			return
		}
		seen[d] = true
		if s.Kind == Merge {
			for _, in := range s.Inputs {
				add(in)
			}
			return
		}
		add(s.Root)
		if !slices.Contains(layers, s.Layer) {
			layers = append(layers, s.Layer)
		}
	}
	add(g.Steps[len(g.Steps)-1].Digest)
	return layers
}

// SharedLayers returns the layers that at least two of the graphs have; see [Graph.Layers].
func SharedLayers(gs ...Graph) map[digest.Digest]bool {
	seen, shared := map[digest.Digest]bool{}, map[digest.Digest]bool{}
	for _, g := range gs {
		for _, layer := range g.Layers() {
			if seen[layer] {
				shared[layer] = true
			}
			seen[layer] = true
		}
	}
	return shared
}

// identify sets the step's Layer, and remembers its content for the steps after it.
//
// The content of a step is the step's digest, except that a folder of the client is the same with whatever part of it is sent: the frontend
// asks for the paths that one platform's steps name.
func (r *reader) identify(s *Step, op *pb.Op) {
	r.contents[s.Digest] = s.Digest
	if strings.HasPrefix(s.Source, "local://") {
		r.contents[s.Digest] = digest.FromString(s.Source)
	} else if slices.ContainsFunc(s.Inputs, func(in digest.Digest) bool { return r.contents[in] != in }) {
		r.contents[s.Digest] = r.over(s, op, "")
	}
	s.Layer = r.contents[s.Digest]
	if s.Root != "" && slices.ContainsFunc(op.GetFile().GetActions(), func(a *pb.FileAction) bool { return a.GetCopy() != nil }) {
		s.Layer = r.over(s, op, s.Root)
	}
}

// over returns the digest of the step's operation over the contents of its inputs, but for root, whose content does not count.
func (r *reader) over(s *Step, op *pb.Op, root digest.Digest) digest.Digest {
	one := proto.CloneOf(op)
	for _, in := range one.Inputs {
		if d := digest.Digest(in.Digest); d == root {
			in.Digest = ""
		} else {
			in.Digest = r.contents[d].String()
		}
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(one)
	if err != nil {
		return s.Digest
	}
	return digest.FromBytes(data)
}

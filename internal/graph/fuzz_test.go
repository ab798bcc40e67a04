package graph_test

import (
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/graph/graphtest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// FuzzDefinition reads definitions as a builder may send them. A graph that can be read has each step once, after its inputs.
func FuzzDefinition(f *testing.F) {
	target := platform.Platform{OS: "linux", Architecture: "arm64"}
	for _, dockerfile := range []string{"FROM scratch\nCOPY a /b\n", crossCompiling} {
		def := graphtest.Definition(f, dockerfile, target, graphtest.Images{})
		data, err := def.ToPB().MarshalVT()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		var wire pb.Definition
		if wire.UnmarshalVT(data) != nil {
			return
		}
		var def llb.Definition
		def.FromPB(&wire)
		g, err := graph.Read(&def)
		if err != nil {
			return
		}
		before := map[digest.Digest]bool{}
		for _, s := range g.Steps {
			for _, in := range s.Inputs {
				if !before[in] {
					t.Fatalf("step %s comes before its input %s", s.Digest, in)
				}
			}
			if before[s.Digest] {
				t.Fatalf("step %s comes twice", s.Digest)
			}
			before[s.Digest] = true
			s.Image()
			s.Pinned()
		}
		g.Chain()
		g.Bases()
		g.Images()
		g.Remotes()
		g.Runs()
		g.CacheMounts()
	})
}

// Package graphtest gives tests the definitions that BuildKit's own Dockerfile frontend makes of Dockerfiles.
package graphtest

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Images is a registry in which every name exists for every platform, with this digest.
type Images struct{ Index digest.Digest }

// ResolveImageConfig implements llb.ImageMetaResolver.
func (i Images) ResolveImageConfig(_ context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	img := ocispecs.Image{RootFS: ocispecs.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromString("layer")}}}
	img.Platform = *opt.ImageOpt.Platform
	dt, err := json.Marshal(img)
	return ref, i.Index, dt, err
}

// State returns the frontend's state of a Dockerfile for a platform, on a builder that is linux/amd64.
func State(
	t testing.TB, dockerfile string, p platform.Platform, images llb.ImageMetaResolver, change ...func(*dockerfile2llb.ConvertOpt),
) llb.State {
	t.Helper()
	caps := pb.Caps.CapSet(pb.Caps.All())
	files := llb.Local("context", llb.SessionID("s1"))
	opt := dockerfile2llb.ConvertOpt{
		MetaResolver: images, LLBCaps: &caps, MainContext: &files, TargetPlatform: &p,
		SourceMap: llb.NewSourceMap(nil, "Dockerfile", "Dockerfile", []byte(dockerfile)),
	}
	opt.BuildPlatforms = []ocispecs.Platform{{OS: "linux", Architecture: "amd64"}}
	for _, c := range change {
		c(&opt)
	}
	res, err := dockerfile2llb.Dockerfile2LLB(t.Context(), []byte(dockerfile), opt)
	if err != nil {
		t.Fatal(err)
	}
	return res.State
}

// Definition returns the marshalled [State].
func Definition(
	t testing.TB, dockerfile string, p platform.Platform, images llb.ImageMetaResolver, change ...func(*dockerfile2llb.ConvertOpt),
) *llb.Definition {
	t.Helper()
	def, err := State(t, dockerfile, p, images, change...).Marshal(t.Context(), llb.Platform(p))
	if err != nil {
		t.Fatal(err)
	}
	return def
}

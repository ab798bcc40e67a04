package onnode

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/util/contentutil"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/nodehelper"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// storeName is the name of the store in its session.
const storeName = "docker-multiarch-layers"

// store has images for a step, in memory: the program's, and such as have layers that the store does not have.
type store struct {
	content.Store
	platform platform.Platform
}

func newStore(p platform.Platform) *store {
	return &store{contentutil.NewBuffer().(content.Store), p} //nolint:forcetypeassert // it is one; the function returns a narrower type
}

// stores returns the store as a session serves it.
func (s *store) stores() map[string]content.Store {
	return map[string]content.Store{storeName: s.Store}
}

// put adds a blob.
func (s *store) put(ctx context.Context, desc ocispecs.Descriptor, b []byte) {
	// In memory, and the content is that of the descriptor. A blob that is there already is an error, which does not matter.
	_ = content.WriteBlob(ctx, s.Store, desc.Digest.String(), bytes.NewReader(b), desc)
}

func (s *store) putJSON(ctx context.Context, mediaType string, v any) ocispecs.Descriptor {
	b, _ := json.Marshal(v) // structs of texts and numbers
	desc := ocispecs.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}
	s.put(ctx, desc, b)
	return desc
}

// program returns the image of the program.
func (s *store) program(ctx context.Context, l nodehelper.Layer) llb.State {
	s.put(ctx, l.Descriptor, l.Blob)
	return s.image(ctx, []ocispecs.Descriptor{l.Descriptor}, []digest.Digest{l.DiffID})
}

// image returns an image of layers.
func (s *store) image(ctx context.Context, layers []ocispecs.Descriptor, diffIDs []digest.Digest) llb.State {
	config := s.putJSON(ctx, ocispecs.MediaTypeImageConfig, ocispecs.Image{
		Platform: s.platform, RootFS: ocispecs.RootFS{Type: "layers", DiffIDs: diffIDs},
	})
	manifest := s.putJSON(ctx, ocispecs.MediaTypeImageManifest, ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest, Config: config, Layers: layers,
	})
	return llb.OCILayout("docker-multiarch/layers@"+manifest.Digest.String(), llb.OCIStore("", storeName), llb.Platform(s.platform))
}

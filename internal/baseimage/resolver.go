package baseimage

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	oras "oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Resolver asks one node about images.
type Resolver struct {
	Gateway gateway.Client
	Store   oras.Fetcher      // the node's own store; nil if it cannot be read
	Cache   string            // the folder of what is known about base images; "" caches nothing
	Native  platform.Platform // the node's own
}

// At returns the resolver of the node that builds a target, by the target's index.
type At func(target int) Resolver

// ImagePlatforms has the platforms of an image.
type ImagePlatforms struct {
	Digest digest.Digest
	// Platforms are in canonical order, from the index or, for a single image, from its configuration; nil if they are not known.
	Platforms []platform.Platform
	Single    bool // the image is not an index
}

// isMissing reports whether BuildKit is known to find no image for the platform.
func (o ImagePlatforms) isMissing(p platform.Platform) bool {
	return len(o.Platforms) > 0 && !o.Single && !slices.ContainsFunc(o.Platforms, platforms.Only(p).Match)
}

// maxIndex is how many bytes of an index are read: more than registries accept.
const maxIndex = 4 << 20

// ImagePlatforms finds out the platforms of an image with that digest, from the node's own store: resolving the image has put it there. If
// an image was not resolved, because it is missing the requested platforms, d is "" and the image is looked up by its name.
func (r Resolver) ImagePlatforms(ctx context.Context, name string, d digest.Digest) ImagePlatforms {
	if d == "" {
		return r.find(ctx, name)
	}
	o := ImagePlatforms{Digest: d}
	if r.Store == nil {
		return o
	}
	data, err := r.document(ctx, d)
	if err != nil {
		return o
	}
	var index ocispecs.Index // a manifest decodes as an index without entries
	if json.Unmarshal(data, &index) != nil {
		return o
	}
	if len(index.Manifests) == 0 {
		o.Single = true
		if p := r.configured(ctx, name+"@"+d.String(), r.Native); p.Architecture != "" {
			o.Platforms = []platform.Platform{p}
		}
		return o
	}
	for _, m := range index.Manifests {
		if m.Platform != nil && m.Platform.OS != "unknown" { // attestations have the OS "unknown"
			o.Platforms = append(o.Platforms, platform.Normalize(*m.Platform))
		}
	}
	slices.SortFunc(o.Platforms, platform.Compare)
	o.Platforms = slices.CompactFunc(o.Platforms, platform.Equal)
	return o
}

// document returns the index or manifest with that digest.
func (r Resolver) document(ctx context.Context, d digest.Digest) ([]byte, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	documents := newCache(r.Cache).Folder
	documents.Suffix = ".document"
	name := d.Algorithm().String() + "-" + d.Encoded()
	if data := documents.Get(name); data != nil {
		if d.Algorithm().FromBytes(data) == d {
			return data, nil
		}
		documents.Remove(name)
	}
	rc, err := r.Store.Fetch(ctx, ocispecs.Descriptor{Digest: d})
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	data, err := io.ReadAll(io.LimitReader(rc, maxIndex))
	if err == nil && d.Algorithm().FromBytes(data) != d {
		err = fmt.Errorf("%s has another content", d)
	}
	if err == nil {
		documents.Put(name, data)
	}
	return data, err
}

// commonArchs are tried in this order to find an image that is missing the requested platform.
var commonArchs = []string{"amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "mips64le", "loong64"}

// find resolves a name that is missing the requested platforms: its digest can only be resolved for a platform that it has.
func (r Resolver) find(ctx context.Context, name string) ImagePlatforms {
	candidates := []platform.Platform{r.Native}
	for _, arch := range commonArchs {
		candidates = append(candidates, platform.Normalize(platform.Platform{OS: "linux", Architecture: arch}))
	}
	for _, p := range candidates {
		if _, d, _, err := r.Gateway.ResolveImageConfig(ctx, name, quietly(p)); err == nil && d != "" {
			return r.ImagePlatforms(ctx, name, d)
		}
	}
	return ImagePlatforms{}
}

// configured returns the platform in the configuration of an image that the node fetches for p; zero if it is not known.
func (r Resolver) configured(ctx context.Context, ref string, p platform.Platform) platform.Platform {
	_, _, config, err := r.Gateway.ResolveImageConfig(ctx, ref, quietly(p))
	var img ocispecs.Image
	if err != nil || json.Unmarshal(config, &img) != nil || img.Architecture == "" || img.OS == "" {
		return platform.Platform{}
	}
	return platform.Normalize(img.Platform)
}

func quietly(p platform.Platform) sourceresolver.Opt {
	return sourceresolver.Opt{LogName: QuietVertex, ImageOpt: &sourceresolver.ResolveImageOpt{Platform: &p}}
}

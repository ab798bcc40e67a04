package baseimage

import (
	"context"
	"encoding/json"
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
	Store   oras.Fetcher      // what the node's own store has; nil if it cannot be read
	Native  platform.Platform // the node's own
}

// At gives the resolver of the node that builds a target, by the target's index.
type At func(target int) Resolver

// Offer is what an image has.
type Offer struct {
	Digest digest.Digest
	// Platforms in canonical order, as the index says or, of a single image, its configuration; nil if it could not be found out.
	Platforms []platform.Platform
	Single    bool // no index
}

// without reports whether it is known that BuildKit would find nothing for the platform.
func (o Offer) without(p platform.Platform) bool {
	return len(o.Platforms) > 0 && !o.Single && !slices.ContainsFunc(o.Platforms, platforms.Only(p).Match)
}

// maxIndex is how many bytes of an index are read: more than registries take.
const maxIndex = 4 << 20

// Offer finds out what platforms an image of that digest has: from the node's own store, where it was put when it was resolved. One
// that was not, for want of the platforms asked for, is looked for by its name: d is "".
func (r Resolver) Offer(ctx context.Context, name string, d digest.Digest) Offer {
	if d == "" {
		return r.find(ctx, name)
	}
	o := Offer{Digest: d}
	if r.Store == nil {
		return o
	}
	rc, err := r.Store.Fetch(ctx, ocispecs.Descriptor{Digest: d})
	if err != nil {
		return o
	}
	defer rc.Close()
	data, err := io.ReadAll(io.LimitReader(rc, maxIndex))
	if err != nil || d.Validate() != nil || d.Algorithm().FromBytes(data) != d {
		return o
	}
	var index ocispecs.Index // of a manifest: without entries
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
		if m.Platform != nil && m.Platform.OS != "unknown" { // attestations
			o.Platforms = append(o.Platforms, platform.Normalize(*m.Platform))
		}
	}
	slices.SortFunc(o.Platforms, platform.Compare)
	o.Platforms = slices.CompactFunc(o.Platforms, platform.Equal)
	return o
}

// commonArchs are tried in this order to find an image that lacks what was asked for.
var commonArchs = []string{"amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "mips64le", "loong64"}

// find resolves a name that has nothing for the platforms asked for: its digest is known only by what it does have.
func (r Resolver) find(ctx context.Context, name string) Offer {
	candidates := []platform.Platform{r.Native}
	for _, arch := range commonArchs {
		candidates = append(candidates, platform.Normalize(platform.Platform{OS: "linux", Architecture: arch}))
	}
	for _, p := range candidates {
		if _, d, _, err := r.Gateway.ResolveImageConfig(ctx, name, quietly(p)); err == nil && d != "" {
			return r.Offer(ctx, name, d)
		}
	}
	return Offer{}
}

// configured is the platform in the configuration of an image that the node fetches for p; zero if nobody says.
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

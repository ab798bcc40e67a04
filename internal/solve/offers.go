package solve

import (
	"context"
	"encoding/json"
	"io"
	"slices"

	"github.com/moby/buildkit/client/llb/sourceresolver"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// offer is what an image has.
type offer struct {
	digest digest.Digest
	// platforms in canonical order, as the index says or, of a single image, its configuration; nil if it could not be found out.
	platforms []platform.Platform
	single    bool // no index
}

// maxIndex is how many bytes of an index are read: more than registries take.
const maxIndex = 4 << 20

// offers finds out what platforms an image of that digest has: from the builder's own store, where it was put when it was resolved. One
// that was not, for want of the platforms asked for, is looked for by its name: d is "".
func (n Node) offers(ctx context.Context, gw gateway.Client, name string, d digest.Digest) offer {
	if d == "" {
		return n.find(ctx, gw, name)
	}
	o := offer{digest: d}
	if n.Blobs == nil {
		return o
	}
	rc, err := n.Blobs.Fetch(ctx, ocispecs.Descriptor{Digest: d})
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
		o.single = true
		if p := imagePlatform(ctx, gw, name+"@"+d.String(), n.Native()); p.Architecture != "" {
			o.platforms = []platform.Platform{p}
		}
		return o
	}
	for _, m := range index.Manifests {
		if m.Platform != nil && m.Platform.OS != "unknown" { // attestations
			o.platforms = append(o.platforms, platform.Normalize(*m.Platform))
		}
	}
	slices.SortFunc(o.platforms, platform.Compare)
	o.platforms = slices.CompactFunc(o.platforms, platform.Equal)
	return o
}

// commonArchs are tried in this order to find an image that lacks what was asked for.
var commonArchs = []string{"amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "mips64le", "loong64"}

// find resolves a name that has nothing for the platforms asked for: its digest is known only by what it does have.
func (n Node) find(ctx context.Context, gw gateway.Client, name string) offer {
	candidates := slices.Clone(n.Platforms[:1])
	for _, arch := range commonArchs {
		candidates = append(candidates, platform.Normalize(platform.Platform{OS: "linux", Architecture: arch}))
	}
	for _, p := range candidates {
		opt := sourceresolver.Opt{LogName: quietVertex, ImageOpt: &sourceresolver.ResolveImageOpt{Platform: &p}}
		if _, d, _, err := gw.ResolveImageConfig(ctx, name, opt); err == nil && d != "" {
			return n.offers(ctx, gw, name, d)
		}
	}
	return offer{}
}

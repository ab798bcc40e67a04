package index

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Child is one platform's finished image as a solve has exported it, what attests it, and who has its bytes. It implements oras-go's
// content.Fetcher for all of them.
type Child struct {
	Platform     platform.Platform // that was asked for
	Says         platform.Platform // that the image's configuration has; zero if it is not known
	Image        manifest.Image
	Attestations []ocispecs.Descriptor // as the builder's own index has them: with the annotations that name the image
	Documents    *Documents            // nil if no documents were exported
	// Layers is the store of the node that made the image, from which its layers are read.
	Layers content.Fetcher
}

// Fetch opens a blob of the child: a document from memory, a layer from the node. The caller closes it, and compares it with the
// descriptor.
func (c Child) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	if c.Documents != nil {
		if r, err := c.Documents.Fetch(ctx, desc); err == nil {
			return r, nil
		}
	}
	return c.Layers.Fetch(ctx, desc)
}

// entryPlatform is the platform in the index: engines choose by it, and a Windows host by the version, which nobody asked for. What the
// configuration says goes before what was asked for, where both are for the same machine; what it leaves open was asked for.
func (c Child) entryPlatform() platform.Platform {
	p, says := c.Platform, platform.Normalize(c.Says)
	if says.OS != p.OS || says.Architecture != p.Architecture {
		return p
	}
	if c.Says.Variant != "" { // else Normalize would know one: arm is arm/v7
		p.Variant = says.Variant
	}
	p.OSVersion = cmp.Or(says.OSVersion, p.OSVersion)
	if len(says.OSFeatures) > 0 {
		p.OSFeatures = says.OSFeatures
	}
	return p
}

// Parts are the children as parts of an index, with the annotations of their entries. None takes the platform of another one that was
// asked for.
func Parts(children []Child, as Annotations) []Part {
	parts := make([]Part, len(children))
	for i, c := range children {
		p := c.entryPlatform()
		if slices.ContainsFunc(children, func(o Child) bool { return platform.Equal(o.Platform, p) }) {
			p = c.Platform
		}
		parts[i] = c.part()
		parts[i].Descriptor.Platform, parts[i].Descriptor.Annotations = &p, as.At(OnManifestDescriptor, &c.Platform)
	}
	return parts
}

func (c Child) part() Part {
	part := Part{Descriptor: c.Image.Descriptor, Attestations: c.Attestations, Store: c.Layers}
	part.Stored = append([]ocispecs.Descriptor{c.Image.Descriptor, c.Image.Config}, c.Image.Layers...)
	if c.Documents != nil {
		part.Documents = c.Documents
	}
	return part
}

// Alone is the child's own manifest in the place of an index.
func (c Child) Alone() Index { return alone(c.part(), c.Image.Body) }

// Exported is the digest that a solve says it has exported.
func Exported(resp map[string]string) (digest.Digest, error) {
	dgst, err := digest.Parse(resp[exptypes.ExporterImageDigestKey])
	if err != nil {
		return "", fmt.Errorf("the builder exported an image without telling its digest: %w", err)
	}
	return dgst, nil
}

// ReadChild reads what the builder has exported into documents: an image, or an index with the image and its attestations.
func ReadChild(ctx context.Context, documents *Documents, root digest.Digest) (Child, error) {
	c := Child{Documents: documents}
	body, err := documents.read(ctx, root)
	if err != nil {
		return c, fmt.Errorf("the builder exported %s without sending it: %w", root, err)
	}
	var index ocispecs.Index
	if err := json.Unmarshal(body, &index); err != nil {
		return c, fmt.Errorf("the builder exported something that is no image: %w", err)
	}
	if !manifest.IsIndex(index.MediaType) {
		c.Image, err = manifest.ParseImage(body)
		return c, err
	}
	for _, m := range index.Manifests {
		if manifest.IsAttestation(m) {
			c.Attestations = append(c.Attestations, m)
			continue
		}
		if c.Image.Body != nil {
			return c, errors.New("the builder exported two images for one platform")
		}
		if body, err = documents.read(ctx, m.Digest); err != nil {
			return c, fmt.Errorf("the builder exported %s without sending it: %w", m.Digest, err)
		}
		if c.Image, err = manifest.ParseImage(body); err != nil {
			return c, err
		}
	}
	if c.Image.Body == nil {
		return c, errors.New("the builder exported attestations without an image")
	}
	return c, nil
}

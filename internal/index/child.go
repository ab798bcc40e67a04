package index

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Child is one platform's finished image as a solve has exported it, with its attestations and the stores of its content. It implements
// oras-go's content.Fetcher for all of them.
type Child struct {
	Platform       platform.Platform // the requested platform
	ConfigPlatform platform.Platform // the platform in the image's configuration; zero if it is not known
	Image          manifest.Image
	Attestations   []ocispecs.Descriptor // as in the builder's own index: with the annotations that name the image
	Documents      *Documents            // nil if no documents were exported
	// Also are other repositories than the image's own that were seen to have it.
	Also []reference.Named
	// Layers is the store of the node that made the image; its layers are read there.
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

// SeenIn reports whether the repository was seen to have the image.
func (c Child) SeenIn(repo reference.Named) bool {
	return slices.ContainsFunc(append([]reference.Named{c.Image.Repository}, c.Also...), func(seen reference.Named) bool {
		return seen != nil && seen.Name() == repo.Name()
	})
}

// entryPlatform returns the platform in the index. Engines choose an image by it, and a Windows host chooses by the version, which the user
// does not request. The configuration takes precedence over the requested platform, where both are for the same architecture; the request
// fills in what the configuration leaves open.
func (c Child) entryPlatform() platform.Platform {
	p, says := c.Platform, platform.Normalize(c.ConfigPlatform)
	if says.OS != p.OS || says.Architecture != p.Architecture {
		return p
	}
	if c.ConfigPlatform.Variant != "" { // otherwise Normalize would add one: arm is arm/v7
		p.Variant = says.Variant
	}
	p.OSVersion = cmp.Or(says.OSVersion, p.OSVersion)
	if len(says.OSFeatures) > 0 {
		p.OSFeatures = says.OSFeatures
	}
	return p
}

// Parts returns the children as parts of an index, with the annotations of their entries. No entry has a platform that was requested for
// another child.
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

// Alone returns the child's own manifest in the place of an index.
func (c Child) Alone() Index { return alone(c.part(), c.Image.Body) }

// Exported returns the digest that a solve reports as exported.
func Exported(resp map[string]string) (digest.Digest, error) {
	dgst, err := digest.Parse(resp[exptypes.ExporterImageDigestKey])
	if err != nil {
		return "", fmt.Errorf("the builder exported an image without its digest: %w", err)
	}
	return dgst, nil
}

// ExportedImage returns the descriptor that a solve reports of what it has exported.
func ExportedImage(resp map[string]string) (desc ocispecs.Descriptor, err error) {
	data, err := base64.StdEncoding.DecodeString(resp[exptypes.ExporterImageDescriptorKey])
	if err == nil {
		err = json.Unmarshal(data, &desc)
	}
	if err != nil {
		return desc, fmt.Errorf("the builder exported an image without its descriptor: %w", err)
	}
	return desc, nil
}

// ReadChild reads the documents that the builder has exported: those of an image, or of an index with the image and its attestations.
func ReadChild(ctx context.Context, documents *Documents, root digest.Digest) (Child, error) {
	c := Child{Documents: documents}
	body, err := documents.read(ctx, root)
	if err != nil {
		return c, fmt.Errorf("the builder exported %s without sending it: %w", root, err)
	}
	var index ocispecs.Index
	if err := json.Unmarshal(body, &index); err != nil {
		return c, fmt.Errorf("the builder's export is not an image: %w", err)
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

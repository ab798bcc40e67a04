package solve

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// child is one platform's finished image, and what attests it.
type child struct {
	platform     platform.Platform // that was asked for
	says         platform.Platform // that the image's configuration has; zero if it is not known
	image        manifest.Image
	attestations []ocispecs.Descriptor // as the builder's own index has them: with the annotations that name the image
	documents    capture               // zero if nothing was captured
}

// entryPlatform is the platform in the index: engines choose by it, and a Windows host by the version, which nobody asked for. What the
// configuration says goes before what was asked for, where both are for the same machine; what it leaves open was asked for.
func (c child) entryPlatform() platform.Platform {
	p, says := c.platform, platform.Normalize(c.says)
	if says.OS != p.OS || says.Architecture != p.Architecture {
		return p
	}
	if c.says.Variant != "" { // else Normalize would know one: arm is arm/v7
		p.Variant = says.Variant
	}
	p.OSVersion = cmp.Or(says.OSVersion, p.OSVersion)
	if len(says.OSFeatures) > 0 {
		p.OSFeatures = says.OSFeatures
	}
	return p
}

// entries are the images in the index. None takes the platform of another one that was asked for.
func entries(children []child) []ocispecs.Descriptor {
	descs := make([]ocispecs.Descriptor, len(children))
	for i, c := range children {
		p := c.entryPlatform()
		if slices.ContainsFunc(children, func(o child) bool { return platform.Equal(o.platform, p) }) {
			p = c.platform
		}
		descs[i] = c.image.Descriptor
		descs[i].Platform = &p
	}
	return descs
}

// exported is the digest that a solve says it has exported.
func exported(resp map[string]string) (digest.Digest, error) {
	dgst, err := digest.Parse(resp[exptypes.ExporterImageDigestKey])
	if err != nil {
		return "", fmt.Errorf("the builder exported an image without telling its digest: %w", err)
	}
	return dgst, nil
}

// captured reads what the builder has brought here: an image, or an index with the image and its attestations.
func captured(ctx context.Context, documents capture, root digest.Digest) (child, error) {
	c := child{documents: documents}
	body, err := documents.read(ctx, root)
	if err != nil {
		return c, fmt.Errorf("the builder exported %s without sending it: %w", root, err)
	}
	var index ocispecs.Index
	if err := json.Unmarshal(body, &index); err != nil {
		return c, fmt.Errorf("the builder exported something that is no image: %w", err)
	}
	if !manifest.IsIndex(index.MediaType) {
		c.image, err = manifest.ParseImage(body)
		return c, err
	}
	for _, m := range index.Manifests {
		if manifest.IsAttestation(m) {
			c.attestations = append(c.attestations, m)
			continue
		}
		if c.image.Body != nil {
			return c, errors.New("the builder exported two images for one platform")
		}
		if body, err = documents.read(ctx, m.Digest); err != nil {
			return c, fmt.Errorf("the builder exported %s without sending it: %w", m.Digest, err)
		}
		if c.image, err = manifest.ParseImage(body); err != nil {
			return c, err
		}
	}
	if c.image.Body == nil {
		return c, errors.New("the builder exported attestations without an image")
	}
	return c, nil
}

package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// child is one platform's finished image, and what attests it.
type child struct {
	platform     platform.Platform
	image        manifest.Image
	attestations []ocispecs.Descriptor // as the builder's own index has them: with the annotations that name the image
	documents    capture               // zero if nothing was captured
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

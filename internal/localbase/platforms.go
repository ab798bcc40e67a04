package localbase

import (
	"slices"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/document"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// attestation marks a child of an index that is not an image (BuildKit, docs/attestations/attestation-storage.md).
const attestation = "vnd.docker.reference.type"

// platforms returns those whose images are complete. An engine that pulled an image for one platform has the index of all.
func (l *layout) platforms(root ocispecs.Descriptor) ([]platform.Platform, error) {
	children := []ocispecs.Descriptor{root}
	if isIndex(root.MediaType) {
		index, err := parsed(l, root.Digest, document.Index)
		if err != nil {
			return nil, err
		}
		children = index.Manifests
	}
	var ps []platform.Platform
	for _, child := range children {
		if child.Annotations[attestation] != "" || isIndex(child.MediaType) || !l.has(child) {
			continue
		}
		m, err := parsed(l, child.Digest, document.Manifest)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(append(m.Layers, m.Config), func(d ocispecs.Descriptor) bool { return !l.has(d) }) {
			continue
		}
		p := child.Platform
		if p == nil {
			config, err := parsed(l, m.Config.Digest, document.Config)
			if err != nil {
				return nil, err
			}
			p = &config.Platform
		}
		ps = append(ps, platform.Normalize(*p))
	}
	return ps, nil
}

func isIndex(mediaType string) bool {
	return mediaType == ocispecs.MediaTypeImageIndex || mediaType == "application/vnd.docker.distribution.manifest.list.v2+json"
}

package localbase

import (
	"slices"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// attestation marks a child of an index that is no image (BuildKit, docs/attestations/attestation-storage.md).
const attestation = "vnd.docker.reference.type"

// platforms are those whose images are whole. An engine that pulled an image for one platform has the index of all.
func (l *layout) platforms(root ocispecs.Descriptor) ([]platform.Platform, error) {
	children := []ocispecs.Descriptor{root}
	if root.MediaType == ocispecs.MediaTypeImageIndex || root.MediaType == "application/vnd.docker.distribution.manifest.list.v2+json" {
		var index ocispecs.Index
		if err := l.read(root.Digest, &index); err != nil {
			return nil, err
		}
		children = index.Manifests
	}
	var ps []platform.Platform
	for _, child := range children {
		if child.Annotations[attestation] != "" || !l.has(child) {
			continue
		}
		var m ocispecs.Manifest
		if err := l.read(child.Digest, &m); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(append(m.Layers, m.Config), func(d ocispecs.Descriptor) bool { return !l.has(d) }) {
			continue
		}
		p := child.Platform
		if p == nil {
			var config ocispecs.Image
			if err := l.read(m.Config.Digest, &config); err != nil {
				return nil, err
			}
			p = &config.Platform
		}
		ps = append(ps, platform.Normalize(*p))
	}
	return ps, nil
}

package manifest

import (
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Family is one of the two sets of media types that an image and its index can be written in.
type Family string

// The zero Family means OCI wherever one is expected.
const (
	OCI    Family = "oci"
	Docker Family = "docker"
)

// These are the media types of Docker's image manifest, version 2, schema 2, and of its list of manifests
// (https://distribution.github.io/distribution/spec/manifest-v2-2/). The OCI ones are in image-spec.
const (
	MediaTypeDockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	MediaTypeDockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// IndexMediaType is the media type of the family's index.
func (f Family) IndexMediaType() string {
	if f == Docker {
		return MediaTypeDockerList
	}
	return ocispecs.MediaTypeImageIndex
}

// ManifestMediaType is the media type of the family's image manifest.
func (f Family) ManifestMediaType() string {
	if f == Docker {
		return MediaTypeDockerManifest
	}
	return ocispecs.MediaTypeImageManifest
}

// FamilyOf returns the family of a manifest's or an index's media type; it is empty for any other media type.
func FamilyOf(mediaType string) Family {
	switch mediaType {
	case ocispecs.MediaTypeImageManifest, ocispecs.MediaTypeImageIndex:
		return OCI
	case MediaTypeDockerManifest, MediaTypeDockerList:
		return Docker
	}
	return ""
}

// IsIndex reports whether a media type is that of an index or manifest list.
func IsIndex(mediaType string) bool {
	return mediaType == ocispecs.MediaTypeImageIndex || mediaType == MediaTypeDockerList
}

package tree

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Tree is a tag's or digest's root with its images.
type Tree struct {
	// Root is the index, or the single manifest.
	Root ocispecs.Descriptor
	// Body is the root's content, byte for byte.
	Body []byte
	// Annotations are those of the index itself.
	Annotations map[string]string
	// Images are in the canonical order of platforms. Those of one platform are in the order of their digests.
	Images []Image
	// Others are entries that are neither images nor attestations of one, in the order of the index, with ArtifactType set if it
	// is known.
	Others []ocispecs.Descriptor
	// Artifacts are the manifests of Others that could be read.
	Artifacts map[digest.Digest]ocispecs.Manifest
}

// Image is an image of one platform.
type Image struct {
	// Descriptor is the index's entry. Platform is always set, and not normalised: it is the entry's, completed from the
	// configuration.
	Descriptor ocispecs.Descriptor
	// Entry is the platform in the index, or nil if it has none.
	Entry *ocispecs.Platform
	// Body is the manifest, byte for byte; nil if it could not be read.
	Body     []byte
	Manifest ocispecs.Manifest
	// ConfigBody is the configuration, byte for byte; nil if it could not be read.
	ConfigBody []byte
	Config     ocispecs.Image
	// Attestations are in the order of the index.
	Attestations []Attestation
}

// Size returns the bytes of the layers and the configuration, as they are stored and pulled.
func (i Image) Size() int64 {
	size := i.Manifest.Config.Size
	for _, layer := range i.Manifest.Layers {
		size += layer.Size
	}
	return size
}

// Attestation is a manifest of statements about an image.
type Attestation struct {
	Descriptor ocispecs.Descriptor
	Body       []byte // nil if it could not be read
	Manifest   ocispecs.Manifest
}

// Predicates returns the types of its statements, such as https://slsa.dev/provenance/v1, in their order.
func (a Attestation) Predicates() (types []string) {
	for _, layer := range a.Manifest.Layers {
		if t := layer.Annotations[annotationPredicate]; t != "" {
			types = append(types, t)
		}
	}
	return types
}

// These are names that BuildKit writes (https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md).
const (
	annotationPredicate = "in-toto.io/predicate-type"
	annotationSubject   = "vnd.docker.reference.digest"
	mediaTypeStatement  = "application/vnd.in-toto+json"
)

// mediaTypeDockerConfig is the media type of an image's configuration in a Docker manifest
// (https://distribution.github.io/distribution/spec/manifest-v2-2/).
const mediaTypeDockerConfig = "application/vnd.docker.container.image.v1+json"

// IsImage reports whether a manifest is that of an image, and not of an artifact.
func IsImage(m ocispecs.Manifest) bool {
	if m.ArtifactType != "" || !IsConfig(m.Config.MediaType) {
		return false
	}
	return len(m.Layers) == 0 || slices.ContainsFunc(m.Layers, func(l ocispecs.Descriptor) bool { return l.MediaType != mediaTypeStatement })
}

// IsConfig reports whether a media type is that of an image's configuration.
func IsConfig(mediaType string) bool {
	return mediaType == ocispecs.MediaTypeImageConfig || mediaType == mediaTypeDockerConfig
}

// Subject returns the digest of the image that an index's entry attests, or "" if the entry is not an attestation.
func Subject(entry ocispecs.Descriptor) string {
	if !manifest.IsAttestation(entry) {
		return ""
	}
	return entry.Annotations[annotationSubject]
}

// complete fills an entry's platform with fields that only the configuration has. A configuration for another platform adds
// nothing.
func complete(entry *ocispecs.Platform, config ocispecs.Platform) *ocispecs.Platform {
	if entry == nil {
		return &config
	}
	p := *entry
	p.OSFeatures = slices.Clone(entry.OSFeatures)
	if config.Architecture != "" && (p.Architecture == "" || p.Architecture == config.Architecture) && (p.OS == "" || p.OS == config.OS) {
		p.OS, p.Architecture = cmp.Or(p.OS, config.OS), cmp.Or(p.Architecture, config.Architecture)
		p.Variant, p.OSVersion = cmp.Or(p.Variant, config.Variant), cmp.Or(p.OSVersion, config.OSVersion)
		if len(p.OSFeatures) == 0 {
			p.OSFeatures = slices.Clone(config.OSFeatures)
		}
	}
	return &p
}

func compareImages(a, b Image) int {
	return cmp.Or(
		platform.Compare(*a.Descriptor.Platform, *b.Descriptor.Platform),
		strings.Compare(a.Descriptor.Digest.String(), b.Descriptor.Digest.String()),
	)
}

// Examiner examines images before they are listed or get a tag, for the platforms of their descriptors. blobs has their content.
// The error is a refusal, or the reason why they could not be examined.
type Examiner func(ctx context.Context, images []Image, blobs content.Fetcher) error

package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// With these annotations BuildKit marks an attestation in an index and names the image that it is about
// (https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md).
const (
	annotationReferenceType   = "vnd.docker.reference.type"
	annotationReferenceDigest = "vnd.docker.reference.digest"
	attestationManifest       = "attestation-manifest"
)

// MissingPlatforms is the annotation by which an index lists the platforms that it was made without: their names with commas.
const MissingPlatforms = "com.docker-multiarch.missing-platforms"

// IndexOptions are the options of Index. The zero value is an OCI index without annotations.
type IndexOptions struct {
	// Family of the index and of all its children; empty means OCI.
	Family Family
	// Annotations of the index itself, for OCI only.
	Annotations map[string]string
}

// DuplicateError means that two children are for the same platform, so that a client could not choose between them.
type DuplicateError struct {
	Platform      string
	First, Second digest.Digest // in the order of the digests
}

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("two images for %s in one index: %s and %s", e.Platform, e.First, e.Second)
}

// FamilyError means that children of another family (or of none) were given for an index.
type FamilyError struct {
	Want     Family
	Children []ocispecs.Descriptor // those of another family, in canonical order
}

func (e *FamilyError) Error() string {
	lines := make([]string, len(e.Children))
	for i, c := range e.Children {
		lines[i] = fmt.Sprintf("%s (%s, %q)", platformText(c), c.Digest, c.MediaType)
	}
	return fmt.Sprintf("an index of %s images cannot hold %s", e.Want, strings.Join(lines, ", "))
}

// Index writes the index of the children: images in the order of platform.Compare, then attestations (children with the
// annotation vnd.docker.reference.type) in the order of the images that they are about. The order of the argument does not
// matter, and it is not changed. Only media type, digest, size, platform and annotations of a child are written. There are no
// timestamps. The document is JSON, indented by two spaces, schemaVersion and mediaType first.
//
// It refuses an empty list, two children for one platform after normalising ([*DuplicateError]), a child of another family
// ([*FamilyError]), a child that is itself an index or has no platform, an attestation about an image that is not in the list,
// and annotations in a Docker manifest list, which has no field for them.
func Index(children []ocispecs.Descriptor, opt IndexOptions) (ocispecs.Descriptor, []byte, error) {
	family := opt.Family
	if family == "" {
		family = OCI
	}
	if len(children) == 0 {
		return ocispecs.Descriptor{}, nil, errors.New("an index needs at least one image")
	}
	images, attestations := split(children)
	if err := checkImages(images, family); err != nil {
		return ocispecs.Descriptor{}, nil, err
	}
	attestations, err := orderAttestations(attestations, images)
	if err != nil {
		return ocispecs.Descriptor{}, nil, err
	}
	manifests := append(images, attestations...)
	if err := checkFamily(manifests, opt.Annotations, family); err != nil {
		return ocispecs.Descriptor{}, nil, err
	}
	body, err := json.MarshalIndent(ocispecs.Index{
		Versioned:   specs.Versioned{SchemaVersion: 2},
		MediaType:   family.IndexMediaType(),
		Manifests:   manifests,
		Annotations: opt.Annotations,
	}, "", "  ")
	if err != nil {
		return ocispecs.Descriptor{}, nil, fmt.Errorf("write the index: %w", err)
	}
	return ocispecs.Descriptor{
		MediaType: family.IndexMediaType(),
		Digest:    digest.FromBytes(body),
		Size:      int64(len(body)),
	}, body, nil
}

// split copies the known fields of the children, and sorts the images; attestations keep the order they came in.
func split(children []ocispecs.Descriptor) (images, attestations []ocispecs.Descriptor) {
	for _, c := range children {
		known := ocispecs.Descriptor{
			MediaType: c.MediaType, Digest: c.Digest, Size: c.Size, Platform: c.Platform, Annotations: c.Annotations,
		}
		if IsAttestation(c) {
			attestations = append(attestations, known)
		} else {
			images = append(images, known)
		}
	}
	slices.SortFunc(images, compareImages)
	return images, attestations
}

// IsAttestation reports whether an index's entry is BuildKit's attestation about one of its images.
func IsAttestation(c ocispecs.Descriptor) bool {
	return c.Annotations[annotationReferenceType] == attestationManifest
}

// compareImages is also total for lists that will be refused, so that the error has the same text in every order.
func compareImages(a, b ocispecs.Descriptor) int {
	if a.Platform != nil && b.Platform != nil {
		if n := platform.Compare(*a.Platform, *b.Platform); n != 0 {
			return n
		}
	} else if a.Platform != b.Platform {
		if a.Platform == nil {
			return -1
		}
		return 1
	}
	return strings.Compare(a.Digest.String(), b.Digest.String())
}

// checkImages expects the images in order.
func checkImages(images []ocispecs.Descriptor, family Family) error {
	if len(images) == 0 {
		return errors.New("an index needs at least one image, not only attestations")
	}
	for i, c := range images {
		if IsIndex(c.MediaType) {
			return fmt.Errorf("%s (%s) is itself an index (%q): give its images", platformText(c), c.Digest, c.MediaType)
		}
		if c.Platform == nil || c.Platform.OS == "" || c.Platform.Architecture == "" {
			return fmt.Errorf("image %s has no platform: an index of %s images needs one for each", c.Digest, family)
		}
		if err := c.Digest.Validate(); err != nil {
			return fmt.Errorf("image for %s: digest %q: %w", platformText(c), c.Digest, err)
		}
		if i > 0 && platform.Equal(*c.Platform, *images[i-1].Platform) {
			return &DuplicateError{Platform: platformText(c), First: images[i-1].Digest, Second: c.Digest}
		}
	}
	return nil
}

func orderAttestations(attestations, images []ocispecs.Descriptor) ([]ocispecs.Descriptor, error) {
	subject := make(map[string]int, len(images))
	for i, c := range images {
		subject[c.Digest.String()] = i
	}
	for _, a := range attestations {
		if about := a.Annotations[annotationReferenceDigest]; !has(subject, about) {
			return nil, fmt.Errorf("attestation %s is about %q, which is not in the index", a.Digest, about)
		}
	}
	slices.SortFunc(attestations, func(a, b ocispecs.Descriptor) int {
		n := subject[a.Annotations[annotationReferenceDigest]] - subject[b.Annotations[annotationReferenceDigest]]
		if n != 0 {
			return n
		}
		return strings.Compare(a.Digest.String(), b.Digest.String())
	})
	return attestations, nil
}

func has(m map[string]int, key string) bool {
	_, ok := m[key]
	return ok
}

func checkFamily(manifests []ocispecs.Descriptor, annotations map[string]string, family Family) error {
	if family != OCI && family != Docker {
		return fmt.Errorf("unknown family of media types %q: it is %q or %q", family, OCI, Docker)
	}
	var others []ocispecs.Descriptor
	annotated := len(annotations) > 0
	for _, c := range manifests {
		if FamilyOf(c.MediaType) != family {
			others = append(others, c)
		}
		annotated = annotated || len(c.Annotations) > 0
	}
	if len(others) > 0 {
		return &FamilyError{Want: family, Children: others}
	}
	if annotated && family == Docker {
		return errors.New("a Docker manifest list cannot hold annotations or attestations: use OCI media types")
	}
	return nil
}

func platformText(c ocispecs.Descriptor) string {
	if c.Platform == nil {
		return "an image without platform"
	}
	return platform.Format(*c.Platform)
}

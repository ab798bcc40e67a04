package merge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// counterparts are media types of the same bytes, OCI's first (https://github.com/opencontainers/image-spec/blob/v1.1.1/media-types.md
// #compatibility-matrix). Docker has none for zstd layers.
var counterparts = [][2]string{
	{ocispecs.MediaTypeImageManifest, manifest.MediaTypeDockerManifest},
	{ocispecs.MediaTypeImageConfig, "application/vnd.docker.container.image.v1+json"},
	{ocispecs.MediaTypeImageLayer, "application/vnd.docker.image.rootfs.diff.tar"},
	{ocispecs.MediaTypeImageLayerGzip, "application/vnd.docker.image.rootfs.diff.tar.gzip"},
	{"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"},
}

// counterpart returns the media type in a family, or "" if the family has none.
func counterpart(mediaType string, family manifest.Family) string {
	for _, pair := range counterparts {
		if pair[0] == mediaType || pair[1] == mediaType {
			if family == manifest.Docker {
				return pair[1]
			}
			return pair[0]
		}
	}
	return ""
}

// ConvertError lists the images that cannot be written in a family, with the reasons.
type ConvertError struct {
	Family    manifest.Family
	Offenders []string // "linux/amd64 (sha256:…): …"
}

func (e *ConvertError) Error() string {
	return fmt.Sprintf("these images cannot be written with %s media types: %s", e.Family, strings.Join(e.Offenders, "; "))
}

// familyFor returns the single family of an index: the requested one, otherwise the images' own. It is OCI's if they differ, or
// if Docker's cannot represent the content.
func familyFor(all []entry, wanted manifest.Family, annotated bool) manifest.Family {
	if wanted != "" {
		return wanted
	}
	if annotated || slices.ContainsFunc(all, func(e entry) bool {
		return manifest.FamilyOf(e.Descriptor.MediaType) != manifest.Docker || len(e.Attestations) > 0 || len(e.Descriptor.Annotations) > 0
	}) {
		return manifest.OCI
	}
	return manifest.Docker
}

// convert writes all images in a family, and notes the losses.
func convert(all []entry, family manifest.Family, note func(string)) ([]entry, error) {
	failure := &ConvertError{Family: family}
	result := make([]entry, len(all))
	for i, e := range all {
		name := fmt.Sprintf("%s (%s)", platform.Format(e.platform()), e.Descriptor.Digest)
		if manifest.FamilyOf(e.Descriptor.MediaType) != family {
			var err error
			old := len(e.Attestations)
			if e, err = e.convert(family); err != nil {
				failure.Offenders = append(failure.Offenders, fmt.Sprintf("%s: %v", name, err))
				continue
			}
			note(fmt.Sprintf("%s is written with %s media types, as %s: its layers are the same", name, family, e.Descriptor.Digest))
			if old > 0 {
				note(fmt.Sprintf("%s: its attestations are left out: they describe its old digest", name))
			}
		}
		if family == manifest.Docker {
			if len(e.Attestations) > 0 {
				note(fmt.Sprintf("%s: its attestations are left out: a Docker manifest list cannot hold them", name))
			}
			e.Attestations, e.Descriptor.Annotations = nil, nil
		}
		result[i] = e
	}
	if len(failure.Offenders) > 0 {
		return nil, failure
	}
	return result, nil
}

// convert rewrites the manifest with the same layers and configuration.
func (e entry) convert(family manifest.Family) (entry, error) {
	m := e.Manifest
	if m.Subject != nil && family == manifest.Docker {
		return e, fmt.Errorf("it has a subject, %s", m.Subject.Digest)
	}
	m.MediaType, m.Layers = family.ManifestMediaType(), slices.Clone(m.Layers)
	if family == manifest.Docker {
		m.Annotations = nil
	}
	for _, desc := range append([]*ocispecs.Descriptor{&m.Config}, pointers(m.Layers)...) {
		own := counterpart(desc.MediaType, family)
		if own == "" {
			return e, fmt.Errorf("they have none for %q", desc.MediaType)
		}
		desc.MediaType = own
		if family == manifest.Docker {
			desc.Annotations = nil
		}
	}
	body, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return e, err
	}
	e.Manifest, e.Body, e.Attestations, e.converted = m, body, nil, true
	e.Descriptor.MediaType, e.Descriptor.Digest, e.Descriptor.Size = m.MediaType, digest.FromBytes(body), int64(len(body))
	return e, nil
}

func pointers(list []ocispecs.Descriptor) []*ocispecs.Descriptor {
	all := make([]*ocispecs.Descriptor, len(list))
	for i := range list {
		all[i] = &list[i]
	}
	return all
}

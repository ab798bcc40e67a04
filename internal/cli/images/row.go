package images

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/tree"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// imageRow is an image as inspect shows it. Its keys in JSON are stable. Name, Manifest and Image mean the same in templates as for
// docker buildx imagetools inspect.
type imageRow struct {
	Name         string
	Kind         string // index, image or artifact
	Digest       digest.Digest
	MediaType    string
	Size         int64             // bytes of the index, or of the manifest
	ArtifactType string            `json:",omitempty"`
	Annotations  map[string]string `json:",omitempty"` // of an index
	Platforms    []platformRow
	Others       []otherRow `json:",omitempty"` // entries of the index that are not images

	Manifest peerManifest `json:"-"` // the index or manifest, with its digest and size
	Image    any          `json:"-"` // the configuration of a single image, or those of an index by platform
}

// platformRow is an image of one platform.
type platformRow struct {
	Platform     string
	Digest       digest.Digest // of the manifest
	MediaType    string
	Config       digest.Digest
	Size         int64 // bytes of the layers and the configuration, compressed
	Layers       int
	Created      *time.Time        `json:",omitempty"`
	Base         *baseRow          `json:",omitempty"`
	Annotations  map[string]string `json:",omitempty"` // of the manifest
	Attestations []attestationRow  `json:",omitempty"`
}

// baseRow is the base image that an image names.
type baseRow struct {
	Name   string        `json:",omitempty"`
	Digest digest.Digest `json:",omitempty"`
}

type attestationRow struct {
	Digest     digest.Digest
	Predicates []string
}

type otherRow struct {
	Digest       digest.Digest
	MediaType    string
	ArtifactType string `json:",omitempty"`
	Size         int64
}

func newImageRow(name string, t tree.Tree) imageRow {
	row := imageRow{
		Name: name, Kind: "index", Digest: t.Root.Digest, MediaType: t.Root.MediaType, Size: t.Root.Size, Annotations: t.Annotations,
		Platforms: []platformRow{}, Manifest: manifestOf(t),
	}
	for _, img := range t.Images {
		row.Platforms = append(row.Platforms, newPlatformRow(img, t.Annotations))
	}
	for _, o := range t.Others {
		row.Others = append(row.Others, otherRow{o.Digest, o.MediaType, o.ArtifactType, o.Size})
	}
	switch {
	case manifest.IsIndex(t.Root.MediaType):
	case len(t.Images) == 1:
		row.Kind = "image"
	default:
		row.Kind, row.ArtifactType, row.Others = "artifact", row.Others[0].ArtifactType, nil
	}
	row.Image = configsOf(t, row.Kind == "image")
	return row
}

func newPlatformRow(img tree.Image, index map[string]string) platformRow {
	row := platformRow{
		Platform: platform.Format(*img.Descriptor.Platform), Digest: img.Descriptor.Digest, MediaType: img.Descriptor.MediaType,
		Config: img.Manifest.Config.Digest, Size: img.Size(), Layers: len(img.Manifest.Layers), Created: img.Config.Created,
		Annotations: img.Manifest.Annotations, Base: baseOf(img, index),
	}
	for _, a := range img.Attestations {
		row.Attestations = append(row.Attestations, attestationRow{a.Descriptor.Digest, a.Predicates()})
	}
	return row
}

// baseOf returns the base image that is named by the annotations of the manifest, those of its entry, the labels of its configuration,
// or the annotations of the index, in this order (https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md).
func baseOf(img tree.Image, index map[string]string) *baseRow {
	var base baseRow
	for _, a := range []map[string]string{img.Manifest.Annotations, img.Descriptor.Annotations, img.Config.Config.Labels, index} {
		base.Name = cmp.Or(base.Name, a[ocispecs.AnnotationBaseImageName])
		base.Digest = cmp.Or(base.Digest, digest.Digest(a[ocispecs.AnnotationBaseImageDigest]))
	}
	if base == (baseRow{}) {
		return nil
	}
	return &base
}

// manifestOf returns the index or manifest at the root of a tree, with its digest and size.
func manifestOf(t tree.Tree) (m peerManifest) {
	_ = json.Unmarshal(t.Body, &m) // the tree was read from it
	m.MediaType, m.Digest, m.Size = t.Root.MediaType, t.Root.Digest, t.Root.Size
	return m
}

// peerManifest is .Manifest of the peer's templates.
type peerManifest struct {
	SchemaVersion int                   `json:"schemaVersion"`
	MediaType     string                `json:"mediaType,omitempty"`
	Digest        digest.Digest         `json:"digest"`
	Size          int64                 `json:"size"`
	Config        *ocispecs.Descriptor  `json:"config,omitempty"`
	Layers        []ocispecs.Descriptor `json:"layers,omitempty"`
	Manifests     []ocispecs.Descriptor `json:"manifests,omitempty"`
	Annotations   map[string]string     `json:"annotations,omitempty"`
}

// configsOf returns the configuration of a single image, or those of an index by platform.
func configsOf(t tree.Tree, single bool) any {
	if single {
		return t.Images[0].Config
	}
	configs := map[string]ocispecs.Image{}
	for _, img := range t.Images {
		configs[platform.Format(*img.Descriptor.Platform)] = img.Config
	}
	return configs
}

package layout_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"

	"github.com/docker-multiarch/docker-multiarch/internal/layout"
)

// writeOCIDir stages an image in a folder and commits it.
func writeOCIDir(ctx context.Context, dir string, img layout.Image, blobs content.Fetcher) error {
	staged, err := layout.StageOCIDir(ctx, dir, img, blobs)
	if err != nil {
		return err
	}
	if err := staged.Commit(ctx); err != nil {
		return errors.Join(err, staged.Abort(ctx))
	}
	return nil
}

// shelf keeps the blobs of a test's images.
type shelf struct {
	*memory.Store
	t *testing.T
}

func newShelf(t *testing.T) shelf { return shelf{memory.New(), t} }

func (s shelf) put(mediaType string, body []byte) ocispecs.Descriptor {
	s.t.Helper()
	desc := content.NewDescriptorFromBytes(mediaType, body)
	if ok, _ := s.Exists(context.Background(), desc); ok {
		return desc
	}
	if err := s.Push(context.Background(), desc, bytes.NewReader(body)); err != nil {
		s.t.Fatal(err)
	}
	return desc
}

func (s shelf) json(mediaType string, v any) ocispecs.Descriptor {
	s.t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.put(mediaType, body)
}

// image has a configuration, and layers of these contents; a layer's diff ID is the digest of "diff " and its content.
func (s shelf) image(arch string, layers ...string) ocispecs.Descriptor {
	s.t.Helper()
	config := ocispecs.Image{Platform: ocispecs.Platform{OS: "linux", Architecture: arch}, RootFS: ocispecs.RootFS{Type: "layers"}}
	manifest := ocispecs.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest}
	for _, layer := range layers {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, diffID(layer))
		manifest.Layers = append(manifest.Layers, s.put(ocispecs.MediaTypeImageLayerGzip, []byte(layer)))
	}
	manifest.Config = s.json(ocispecs.MediaTypeImageConfig, config)
	desc := s.json(ocispecs.MediaTypeImageManifest, manifest)
	desc.Platform = &ocispecs.Platform{OS: "linux", Architecture: arch}
	return desc
}

func diffID(layer string) digest.Digest { return digest.FromString("diff " + layer) }

// attestation is about an image.
func (s shelf) attestation(of ocispecs.Descriptor) ocispecs.Descriptor {
	s.t.Helper()
	subject := of
	subject.Platform = nil
	desc := s.json(ocispecs.MediaTypeImageManifest, ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest, Subject: &subject,
		Config: s.put(ocispecs.MediaTypeEmptyJSON, []byte("{}")),
		Layers: []ocispecs.Descriptor{s.put("application/vnd.in-toto+json", []byte(`{"about":"`+of.Digest.String()+`"}`))},
	})
	desc.Platform = &ocispecs.Platform{OS: "unknown", Architecture: "unknown"}
	desc.Annotations = map[string]string{
		"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": of.Digest.String(),
	}
	return desc
}

func (s shelf) index(children ...ocispecs.Descriptor) ocispecs.Descriptor {
	s.t.Helper()
	return s.json(ocispecs.MediaTypeImageIndex, ocispecs.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageIndex, Manifests: children,
	})
}

// app is an index of two platforms that share a layer, and an attestation.
func (s shelf) app() ocispecs.Descriptor {
	amd := s.image("amd64", "base", "amd64 app")
	arm := s.image("arm64", "base", "arm64 app")
	return s.index(amd, arm, s.attestation(amd))
}

func names(t *testing.T, all ...string) (out []reference.NamedTagged) {
	t.Helper()
	for _, name := range all {
		named, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, reference.TagNameOnly(named).(reference.NamedTagged))
	}
	return out
}

// broken returns other bytes for one blob.
type broken struct {
	content.Fetcher
	digest digest.Digest
	bytes  []byte
}

func (b broken) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	if desc.Digest == b.digest {
		return io.NopCloser(bytes.NewReader(b.bytes)), nil
	}
	return b.Fetcher.Fetch(ctx, desc)
}

package document

import (
	"encoding/json"
	"fmt"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// These bound one document, and the documents of one image together.
const (
	// MaxBytes is the size of a document, the one up to which registries accept manifests
	// (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests).
	MaxBytes = 4 << 20
	// MaxInAll is the size of all documents of an image, the indexes, manifests and configurations.
	MaxInAll = 32 << 20
	// MaxEntries is how many entries an index has, and all indexes of an image together.
	MaxEntries = 1000
	// maxListed is how many images a layout lists.
	maxListed = 20_000
	// MaxDepth is how deep indexes may be nested.
	MaxDepth = 8
	// MaxLayers is how many layers a manifest has. Engines accept 127 at most; artifacts have more.
	MaxLayers = 1000
	// maxHistory is how many history entries a configuration has.
	maxHistory = 10_000
	// maxBlob is the size of a blob: 16 TiB.
	maxBlob = 1 << 44
)

// These are Docker's media types, version 2, schema 2 (https://distribution.github.io/distribution/spec/manifest-v2-2/).
const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// Index reads an index or a manifest list.
func Index(body []byte) (ocispecs.Index, error) { return readIndex(body, indexShape) }

func readIndex(body []byte, s *shape) (index ocispecs.Index, err error) {
	if err := decode(body, s, &index); err != nil {
		return ocispecs.Index{}, fmt.Errorf("not an index: %w", err)
	}
	switch index.MediaType {
	case ocispecs.MediaTypeImageManifest, dockerManifest:
		return ocispecs.Index{}, fmt.Errorf("not an index: it says that it is %q", index.MediaType)
	}
	for i, entry := range index.Manifests {
		if err := checkSize(entry.Size); err != nil {
			return ocispecs.Index{}, fmt.Errorf("not an index: entry %d: %w", i+1, err)
		}
	}
	return index, nil
}

// Layout reads the index.json of an OCI layout. It lists unrelated images, so it may have more entries.
func Layout(body []byte) (ocispecs.Index, error) { return readIndex(body, layoutShape) }

// Manifest reads the manifest of an image or of an artifact.
func Manifest(body []byte) (m ocispecs.Manifest, err error) {
	if err := decode(body, manifestShape, &m); err != nil {
		return ocispecs.Manifest{}, fmt.Errorf("not an image manifest: %w", err)
	}
	switch m.MediaType {
	case ocispecs.MediaTypeImageIndex, dockerList:
		return ocispecs.Manifest{}, fmt.Errorf("not an image manifest: it says that it is %q", m.MediaType)
	}
	if err := checkSize(m.Config.Size); err != nil {
		return ocispecs.Manifest{}, fmt.Errorf("not an image manifest: the configuration: %w", err)
	}
	for i, layer := range m.Layers {
		if err := checkSize(layer.Size); err != nil {
			return ocispecs.Manifest{}, fmt.Errorf("not an image manifest: layer %d: %w", i+1, err)
		}
	}
	return m, nil
}

// Config reads the configuration of an image.
func Config(body []byte) (config ocispecs.Image, err error) {
	if err := decode(body, configShape, &config); err != nil {
		return ocispecs.Image{}, fmt.Errorf("not the configuration of an image: %w", err)
	}
	return config, nil
}

// checkSize refuses a size that no blob has.
func checkSize(size int64) error {
	switch {
	case size < 0:
		return fmt.Errorf("a size of %d bytes is less than none", size)
	case size > maxBlob:
		return fmt.Errorf("a size of %d bytes is more than %d, the most that is taken", size, int64(maxBlob))
	}
	return nil
}

// CheckSize refuses a document that is too large to be read.
func CheckSize(size int64) error {
	if size > MaxBytes {
		return fmt.Errorf("a document of %d bytes is larger than registries allow (%d)", size, MaxBytes)
	}
	return checkSize(size)
}

// decode reads a document of the given shape.
func decode(body []byte, s *shape, into any) error {
	if len(body) > MaxBytes {
		return CheckSize(int64(len(body)))
	}
	if err := json.Unmarshal(body, &struct{}{}); err != nil { // complete, and without trailing data
		return err
	}
	if err := s.check(body); err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

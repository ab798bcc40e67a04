package document

import (
	"encoding/json"
	"fmt"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Bounds of one document, and of the documents of one image together.
const (
	// MaxBytes is the size of a document, the one up to which registries take manifests
	// (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests).
	MaxBytes = 4 << 20
	// MaxInAll is the size of all documents of an image, the indexes, manifests and configurations.
	MaxInAll = 32 << 20
	// MaxEntries is how many entries an index has, and all indexes of an image together.
	MaxEntries = 1000
	// maxListed is how many images a layout lists.
	maxListed = 20_000
	// MaxDepth is how many indexes stand in one another.
	MaxDepth = 8
	// MaxLayers is how many layers a manifest has. Engines take 127 at most; artifacts have more.
	MaxLayers = 1000
	// maxHistory is how many steps a configuration tells of.
	maxHistory = 10_000
	// maxBlob is the size of a blob: 16 TiB.
	maxBlob = 1 << 44
)

// Media types of Docker, version 2, schema 2 (https://distribution.github.io/distribution/spec/manifest-v2-2/).
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

// Layout reads the index.json of an OCI layout. It lists images that have nothing to do with one another, so more of them.
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

// decode reads a document that has the shape.
func decode(body []byte, s *shape, into any) error {
	if len(body) > MaxBytes {
		return CheckSize(int64(len(body)))
	}
	if err := json.Unmarshal(body, &struct{}{}); err != nil { // whole, and nothing behind it
		return err
	}
	if err := s.check(body); err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

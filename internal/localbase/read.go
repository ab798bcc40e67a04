package localbase

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/document"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Base is an image in an OCI layout.
type Base struct {
	Dir string
	// Root is the index, or the manifest.
	Root ocispecs.Descriptor
	// Platforms are those whose images are complete, normalised, in the order of the index.
	Platforms []platform.Platform
}

// dockerManifest is an entry of a Docker archive's manifest.json (moby, image/tarexport).
type dockerManifest struct {
	Config string
	Layers []string
}

// Read makes an OCI layout in dir, which must be empty, from a stream of `docker save` that holds one image.
func Read(stream io.Reader, dir string) (Base, error) {
	l, err := unpack(stream, dir)
	if err != nil {
		return Base{}, fmt.Errorf("cannot read what the engine saved: %w", err)
	}
	base := Base{Dir: dir}
	if base.Root, err = l.root(); err == nil {
		err = l.index(base.Root)
	}
	if err == nil {
		base.Platforms, err = l.platforms(base.Root)
	}
	if err != nil {
		return Base{}, fmt.Errorf("cannot read what the engine saved: %w", err)
	}
	return base, nil
}

// root returns the image of the archive. A Docker archive gets its manifest here.
func (l *layout) root() (ocispecs.Descriptor, error) {
	if d, ok := l.files[ocispecs.ImageIndexFile]; ok {
		index, err := parsed(l, d, document.Layout)
		if err != nil {
			return ocispecs.Descriptor{}, err
		}
		if len(index.Manifests) != 1 {
			return ocispecs.Descriptor{}, fmt.Errorf("%s names %d images, not one", ocispecs.ImageIndexFile, len(index.Manifests))
		}
		root := index.Manifests[0]
		if err := root.Digest.Validate(); err != nil {
			return ocispecs.Descriptor{}, fmt.Errorf("%s names an image by the digest %q: %w", ocispecs.ImageIndexFile, root.Digest, err)
		}
		if !l.has(root) {
			return ocispecs.Descriptor{}, fmt.Errorf("%s names the image %q, which is not in the archive", ocispecs.ImageIndexFile, root.Digest)
		}
		return root, nil
	}
	var images []dockerManifest
	if d, ok := l.files["manifest.json"]; ok {
		body, err := l.read(d)
		if err == nil {
			err = json.Unmarshal(body, &images)
		}
		if err != nil {
			return ocispecs.Descriptor{}, err
		}
	}
	if len(images) != 1 {
		return ocispecs.Descriptor{}, fmt.Errorf("manifest.json names %d images, not one", len(images))
	}
	return l.convert(images[0])
}

// convert writes a manifest for an image without one.
func (l *layout) convert(img dockerManifest) (desc ocispecs.Descriptor, err error) {
	m := ocispecs.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest}
	if m.Config, err = l.descriptor(img.Config, ocispecs.MediaTypeImageConfig); err != nil {
		return desc, err
	}
	config, err := parsed(l, m.Config.Digest, document.Config)
	if err != nil {
		return desc, err
	}
	if len(config.RootFS.DiffIDs) != len(img.Layers) {
		return desc, fmt.Errorf("the image has %d layers, and its configuration %d", len(img.Layers), len(config.RootFS.DiffIDs))
	}
	for i, name := range img.Layers {
		layer, err := l.descriptor(name, ocispecs.MediaTypeImageLayer)
		if err != nil {
			return desc, err
		}
		if layer.Digest != config.RootFS.DiffIDs[i] {
			return desc, fmt.Errorf("layer %d is %s, and should be %s", i+1, layer.Digest, config.RootFS.DiffIDs[i])
		}
		m.Layers = append(m.Layers, layer)
	}
	body, err := json.Marshal(m)
	if err != nil {
		return desc, err
	}
	desc = ocispecs.Descriptor{MediaType: m.MediaType, Digest: digest.FromBytes(body), Size: int64(len(body))}
	return desc, os.WriteFile(l.blob(desc.Digest), body, 0o600)
}

// index writes the layout's own two files.
func (l *layout) index(root ocispecs.Descriptor) error {
	index, err := json.Marshal(ocispecs.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []ocispecs.Descriptor{root}})
	if err != nil {
		return err
	}
	version, err := json.Marshal(ocispecs.ImageLayout{Version: ocispecs.ImageLayoutVersion})
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(l.dir, ocispecs.ImageIndexFile), index, 0o600),
		os.WriteFile(filepath.Join(l.dir, ocispecs.ImageLayoutFile), version, 0o600),
	)
}

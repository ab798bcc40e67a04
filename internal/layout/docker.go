package layout

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/document"
)

// DockerImage is an image of one platform, to be written in the format of `docker save`.
type DockerImage struct {
	Manifest ocispecs.Descriptor     // an image manifest
	Names    []reference.NamedTagged // the engine's names for it; there may be none
}

// savedImage is an entry of manifest.json
// (https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md#combined-image-json--filesystem-changeset-format).
type savedImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// WriteDocker writes images in the format of `docker save`, as engines since 25 write it: an OCI layout with a manifest.json.
// Engines of all versions load it.
//
// skip leaves out layers that an engine has already: it gets a layer and the chain ID of it and all layers below it, by which
// engines identify layers. skip may be nil. After an error, the output is not a valid archive.
func WriteDocker(
	ctx context.Context, w io.Writer, images []DockerImage, blobs content.Fetcher, skip func(layer ocispecs.Descriptor, chain digest.Digest) bool,
) error {
	if skip == nil {
		skip = func(ocispecs.Descriptor, digest.Digest) bool { return false }
	}
	d := docker{blobs: blobs, skip: skip}
	for _, img := range images {
		if err := d.add(ctx, img); err != nil {
			return fmt.Errorf("write a Docker archive: %w", err)
		}
	}
	if err := d.write(ctx, w); err != nil {
		return fmt.Errorf("write a Docker archive: %w", err)
	}
	return nil
}

// docker is the content of a Docker archive.
type docker struct {
	blobs   content.Fetcher
	skip    func(ocispecs.Descriptor, digest.Digest) bool
	entries []ocispecs.Descriptor // of index.json
	saved   []savedImage
	nodes   []Node
	configs [][]byte // in the order of the nodes
	layers  []ocispecs.Descriptor
}

func (d *docker) add(ctx context.Context, img DockerImage) error {
	node, err := readNode(ctx, img.Manifest, d.blobs)
	if err != nil {
		return fmt.Errorf("read %s: %w", img.Manifest.Digest, err)
	}
	if node.IsIndex() {
		return fmt.Errorf("%s is an index, and the format holds images of one platform only", img.Manifest.Digest)
	}
	config, diffs, err := readDiffIDs(ctx, node, d.blobs)
	if err != nil {
		return err
	}
	saved := savedImage{Config: blobPath(node.Config.Digest)}
	for _, name := range img.Names {
		saved.RepoTags = append(saved.RepoTags, reference.FamiliarString(name))
	}
	for i, chain := range identity.ChainIDs(diffs) {
		layer := node.Layers[i]
		saved.Layers = append(saved.Layers, blobPath(layer.Digest))
		if !d.skip(layer, chain) {
			d.layers = append(d.layers, layer)
		}
	}
	d.entries = append(d.entries, Image{Root: img.Manifest, Names: img.Names}.entries()...)
	d.saved = append(d.saved, saved)
	d.nodes = append(d.nodes, node)
	d.configs = append(d.configs, config)
	return nil
}

// readDiffIDs reads an image's configuration, and the digests of its layers without compression.
func readDiffIDs(ctx context.Context, node Node, blobs content.Fetcher) ([]byte, []digest.Digest, error) {
	if err := document.CheckSize(node.Config.Size); err != nil {
		return nil, nil, fmt.Errorf("%s: the configuration: %w", node.Descriptor.Digest, err)
	}
	config, err := fetchAll(ctx, node.Config, blobs)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", node.Config.Digest, err)
	}
	image, err := document.Config(config)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", node.Config.Digest, err)
	}
	if len(image.RootFS.DiffIDs) != len(node.Layers) {
		return nil, nil, fmt.Errorf("%s: its configuration lists %d layers, and the image has %d",
			node.Descriptor.Digest, len(image.RootFS.DiffIDs), len(node.Layers))
	}
	return config, image.RootFS.DiffIDs, nil
}

func (d *docker) write(ctx context.Context, w io.Writer) error {
	manifest, err := json.Marshal(d.saved)
	if err != nil {
		return err
	}
	a := newArchive(w, d.blobs)
	if err := a.start(d.entries); err != nil {
		return err
	}
	if err := a.file("manifest.json", manifest); err != nil {
		return err
	}
	for i, node := range d.nodes {
		if err := a.node(node); err != nil {
			return err
		}
		if err := a.node(Node{Descriptor: node.Config, Body: d.configs[i]}); err != nil {
			return err
		}
	}
	for _, layer := range d.layers {
		if err := a.blob(ctx, layer); err != nil {
			return err
		}
	}
	return a.close()
}

package layout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
)

// maxManifest is the size in bytes up to which manifests are read, the one that registries take
// (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests).
const maxManifest = 4 << 20

// Media types of Docker, version 2, schema 2 (https://distribution.github.io/distribution/spec/manifest-v2-2/).
const (
	mediaTypeDockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	mediaTypeDockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// Node is an index or a manifest of a [Graph].
type Node struct {
	Descriptor ocispecs.Descriptor   // as its parent has it
	Body       []byte                // checked against the digest
	Children   []ocispecs.Descriptor // of an index: its manifests
	Config     ocispecs.Descriptor   // of a manifest
	Layers     []ocispecs.Descriptor // of a manifest, base first; those that are nobody's to pass on are left out
}

// IsIndex tells an index from a manifest.
func (n Node) IsIndex() bool { return isIndex(n.Descriptor.MediaType) }

// Graph is an image with everything that belongs to it.
type Graph struct {
	Nodes []Node                // the root first, then as the indexes name them; each digest once
	Blobs []ocispecs.Descriptor // configurations and layers, in the order of the nodes; each digest once
}

// Read reads the manifests of an image, from the root, an index or a manifest, down. What a manifest is about (its subject) is
// no part of it.
func Read(ctx context.Context, root ocispecs.Descriptor, blobs content.Fetcher) (Graph, error) {
	r := reader{blobs: blobs, seen: map[digest.Digest]bool{}}
	if err := r.read(ctx, root); err != nil {
		return Graph{}, err
	}
	for _, n := range r.graph.Nodes {
		if n.IsIndex() {
			continue
		}
		for _, blob := range append([]ocispecs.Descriptor{n.Config}, n.Layers...) {
			if !r.seen[blob.Digest] {
				r.seen[blob.Digest] = true
				r.graph.Blobs = append(r.graph.Blobs, blob)
			}
		}
	}
	return r.graph, nil
}

type reader struct {
	blobs content.Fetcher
	seen  map[digest.Digest]bool
	graph Graph
}

func (r *reader) read(ctx context.Context, desc ocispecs.Descriptor) error {
	if r.seen[desc.Digest] {
		return nil
	}
	r.seen[desc.Digest] = true
	node, err := readNode(ctx, desc, r.blobs)
	if err != nil {
		return fmt.Errorf("read %s: %w", desc.Digest, err)
	}
	r.graph.Nodes = append(r.graph.Nodes, node)
	for _, child := range node.Children {
		if err := r.read(ctx, child); err != nil {
			return err
		}
	}
	return nil
}

func readNode(ctx context.Context, desc ocispecs.Descriptor, blobs content.Fetcher) (Node, error) {
	node := Node{Descriptor: desc}
	if !isIndex(desc.MediaType) && !isManifest(desc.MediaType) {
		return node, fmt.Errorf("%q is neither an index nor an image manifest", desc.MediaType)
	}
	if desc.Size > maxManifest {
		return node, fmt.Errorf("a manifest of %d bytes is larger than registries allow (%d)", desc.Size, maxManifest)
	}
	body, err := fetchAll(ctx, desc, blobs)
	if err != nil {
		return node, err
	}
	node.Body = body
	if node.IsIndex() {
		var index ocispecs.Index
		if err := json.Unmarshal(body, &index); err != nil {
			return node, fmt.Errorf("not an index: %w", err)
		}
		node.Children = index.Manifests
		return node, nil
	}
	var manifest ocispecs.Manifest
	if err := json.Unmarshal(body, &manifest); err != nil {
		return node, fmt.Errorf("not an image manifest: %w", err)
	}
	if manifest.Config.Digest == "" {
		return node, errors.New("not an image manifest: it has no configuration")
	}
	node.Config = manifest.Config
	for _, layer := range manifest.Layers {
		if len(layer.URLs) == 0 {
			node.Layers = append(node.Layers, layer)
		}
	}
	return node, nil
}

// fetchAll reads a small blob and checks it.
func fetchAll(ctx context.Context, desc ocispecs.Descriptor, blobs content.Fetcher) (_ []byte, err error) {
	rc, err := blobs.Fetch(ctx, desc)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	return content.ReadAll(rc, desc)
}

func isIndex(mediaType string) bool {
	return mediaType == ocispecs.MediaTypeImageIndex || mediaType == mediaTypeDockerList
}

func isManifest(mediaType string) bool {
	return mediaType == ocispecs.MediaTypeImageManifest || mediaType == mediaTypeDockerManifest
}

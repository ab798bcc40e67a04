package layout

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/document"
)

// These are Docker's media types, version 2, schema 2 (https://distribution.github.io/distribution/spec/manifest-v2-2/).
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
	Layers     []ocispecs.Descriptor // of a manifest, base first; non-distributable ones are left out
}

// IsIndex reports whether the node is an index and not a manifest.
func (n Node) IsIndex() bool { return isIndex(n.Descriptor.MediaType) }

// Graph is an image with everything that belongs to it.
type Graph struct {
	Nodes []Node                // the root first, then as the indexes name them; each digest once
	Blobs []ocispecs.Descriptor // configurations and layers, in the order of the nodes; each digest once
}

// Read reads the manifests of an image, from the root, an index or a manifest, down, within the bounds of package document. A
// manifest's subject is not part of the graph.
func Read(ctx context.Context, root ocispecs.Descriptor, blobs content.Fetcher) (Graph, error) {
	r := reader{blobs: blobs, seen: map[digest.Digest]bool{}}
	if err := r.read(ctx, root, 0); err != nil {
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
	blobs   content.Fetcher
	seen    map[digest.Digest]bool
	graph   Graph
	entries int
	bytes   int64
}

// read reads a node that is nested in depth indexes.
func (r *reader) read(ctx context.Context, desc ocispecs.Descriptor, depth int) error {
	if r.seen[desc.Digest] {
		return nil
	}
	r.seen[desc.Digest] = true
	node, err := readNode(ctx, desc, r.blobs)
	if err == nil {
		err = r.count(node, depth)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", desc.Digest, err)
	}
	r.graph.Nodes = append(r.graph.Nodes, node)
	for _, child := range node.Children {
		if err := r.read(ctx, child, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// count refuses a node beyond the bounds.
func (r *reader) count(node Node, depth int) error {
	r.entries += len(node.Children)
	r.bytes += node.Descriptor.Size
	switch {
	case node.IsIndex() && depth == document.MaxDepth:
		return fmt.Errorf("more than %d nested indexes", document.MaxDepth)
	case r.entries > document.MaxEntries:
		return fmt.Errorf("the indexes of the image have more than %d entries in all, the most that is read", document.MaxEntries)
	case r.bytes > document.MaxInAll:
		return fmt.Errorf("the manifests of the image have more than %d MiB in all, the most that is read", document.MaxInAll>>20)
	}
	return nil
}

func readNode(ctx context.Context, desc ocispecs.Descriptor, blobs content.Fetcher) (Node, error) {
	node := Node{Descriptor: desc}
	if !isIndex(desc.MediaType) && !isManifest(desc.MediaType) {
		return node, fmt.Errorf("%q is neither an index nor an image manifest", desc.MediaType)
	}
	if err := document.CheckSize(desc.Size); err != nil {
		return node, err
	}
	body, err := fetchAll(ctx, desc, blobs)
	if err != nil {
		return node, err
	}
	node.Body = body
	if node.IsIndex() {
		index, err := document.Index(body)
		node.Children = index.Manifests
		return node, err
	}
	manifest, err := document.Manifest(body)
	if err != nil {
		return node, err
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

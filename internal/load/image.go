package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	cplatforms "github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/document"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/layout"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// With these annotations BuildKit marks an attestation in an index and names the image that it is about
// (https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md).
const (
	annotationReferenceType   = "vnd.docker.reference.type"
	annotationReferenceDigest = "vnd.docker.reference.digest"
)

// image is an image of one platform.
type image struct {
	node     layout.Node
	platform platform.Platform
	diffIDs  []digest.Digest // layers without compression, base first
}

// portable returns the image for an engine that lacks the layers for which lacks is true.
func (img image) portable(lacks func(i int) bool) Portable {
	p := Portable{Manifest: img.node.Descriptor, Config: img.node.Config, Layers: img.node.Layers, Platform: img.platform}
	for i, layer := range img.node.Layers {
		if lacks(i) {
			p.Missing = append(p.Missing, layer)
		}
	}
	return p
}

// imagesOf returns the images of a graph, in its order, without attestations and other artifacts.
func imagesOf(ctx context.Context, graph layout.Graph, blobs content.Fetcher) ([]image, error) {
	var images []image
	for _, node := range graph.Nodes {
		if node.IsIndex() || node.Descriptor.Annotations[annotationReferenceType] != "" || !isImageConfig(node.Config.MediaType) {
			continue
		}
		img, err := readImage(ctx, node, blobs)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", node.Descriptor.Digest, err)
		}
		images = append(images, img)
	}
	if len(images) == 0 {
		return nil, errors.New("there is no image in it")
	}
	return images, nil
}

// isImageConfig reports whether a media type is that of an image's configuration, OCI's or Docker's.
func isImageConfig(mediaType string) bool {
	return mediaType == ocispecs.MediaTypeImageConfig || mediaType == "application/vnd.docker.container.image.v1+json"
}

// readImage reads an image's configuration. Its platform is the one that the index gives it.
func readImage(ctx context.Context, node layout.Node, blobs content.Fetcher) (_ image, err error) {
	if err := document.CheckSize(node.Config.Size); err != nil {
		return image{}, fmt.Errorf("its configuration: %w", err)
	}
	rc, err := blobs.Fetch(ctx, node.Config)
	if err != nil {
		return image{}, err
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	body, err := content.ReadAll(rc, node.Config)
	if err != nil {
		return image{}, err
	}
	config, err := document.Config(body)
	if err != nil {
		return image{}, fmt.Errorf("its configuration is broken: %w", err)
	}
	p := config.Platform
	if node.Descriptor.Platform != nil {
		p = *node.Descriptor.Platform
	}
	return image{node: node, platform: platform.Normalize(p), diffIDs: config.RootFS.DiffIDs}, nil
}

// unwanted returns the digests that a selection leaves out: those of other platforms' manifests, of their attestations, and of
// everything that only these use.
func unwanted(graph layout.Graph, images []image, chosen []int) map[digest.Digest]bool {
	out := map[digest.Digest]bool{}
	for i, img := range images {
		if !slices.Contains(chosen, i) {
			out[img.node.Descriptor.Digest] = true
		}
	}
	wanted := map[digest.Digest]bool{}
	for _, node := range graph.Nodes {
		own := node.Descriptor.Digest
		if out[digest.Digest(node.Descriptor.Annotations[annotationReferenceDigest])] {
			out[own] = true
		}
		for _, blob := range blobsOf(node) {
			if out[own] {
				out[blob.Digest] = true
			} else {
				wanted[blob.Digest] = true
			}
		}
	}
	for d := range wanted {
		delete(out, d)
	}
	return out
}

// partsOf returns all parts of a graph except those that are left out.
func partsOf(graph layout.Graph, out map[digest.Digest]bool) (parts []ocispecs.Descriptor) {
	for _, node := range graph.Nodes {
		parts = append(parts, node.Descriptor)
	}
	return slices.DeleteFunc(append(parts, graph.Blobs...), func(d ocispecs.Descriptor) bool { return out[d.Digest] })
}

func blobsOf(node layout.Node) []ocispecs.Descriptor {
	if node.IsIndex() {
		return nil
	}
	return append([]ocispecs.Descriptor{node.Config}, node.Layers...)
}

// NativeIndex returns the index of the platform that an engine treats as its own, -1 if it can run none.
func NativeIndex(info engine.Info, ps []platform.Platform) int {
	order := cplatforms.Only(Machine(info))
	best := -1
	for i, p := range ps {
		if order.Match(p) && (best < 0 || order.Less(p, ps[best])) {
			best = i
		}
	}
	return best
}

// Machine returns the engine's own platform. Kernels have names of their own for some CPUs.
func Machine(info engine.Info) platform.Platform {
	arch := info.Arch
	switch {
	case strings.HasPrefix(arch, "armv") && len(arch) > 4:
		return platform.Normalize(platform.Platform{OS: info.OSType, Architecture: "arm", Variant: "v" + arch[4:5]})
	case len(arch) == 4 && arch[0] == 'i' && arch[2:] == "86":
		arch = "386"
	}
	return platform.Normalize(platform.Platform{OS: info.OSType, Architecture: arch})
}

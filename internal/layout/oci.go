package layout

import (
	"context"
	"fmt"
	"io"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
)

// WriteOCI writes an image as the tar stream of an OCI layout: oci-layout and index.json, then manifests, configurations and
// layers in the order of the image. Descriptors for which skip is true are left out, for a reader that has them; skip is called
// separately for the descriptors that a skipped index or manifest names. skip may be nil. After an error, the output is not a
// valid archive.
func WriteOCI(ctx context.Context, w io.Writer, img Image, blobs content.Fetcher, skip func(ocispecs.Descriptor) bool) error {
	if err := writeOCI(ctx, w, img, blobs, skip); err != nil {
		return fmt.Errorf("write an OCI archive: %w", err)
	}
	return nil
}

func writeOCI(ctx context.Context, w io.Writer, img Image, blobs content.Fetcher, skip func(ocispecs.Descriptor) bool) error {
	if skip == nil {
		skip = func(ocispecs.Descriptor) bool { return false }
	}
	graph, err := Read(ctx, img.Root, blobs)
	if err != nil {
		return err
	}
	a := newArchive(w, blobs)
	if err := a.start(img.entries()); err != nil {
		return err
	}
	for _, node := range graph.Nodes {
		if skip(node.Descriptor) {
			continue
		}
		if err := a.node(node); err != nil {
			return err
		}
	}
	for _, blob := range graph.Blobs {
		if skip(blob) {
			continue
		}
		if err := a.blob(ctx, blob); err != nil {
			return err
		}
	}
	return a.close()
}

// start writes the two files that identify a layout.
func (a *archive) start(entries []ocispecs.Descriptor) error {
	index, err := indexJSON(entries)
	if err != nil {
		return err
	}
	if err := a.file(ocispecs.ImageLayoutFile, layoutJSON()); err != nil {
		return err
	}
	return a.file(ocispecs.ImageIndexFile, index)
}

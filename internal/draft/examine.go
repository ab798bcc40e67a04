package draft

import (
	"context"

	"github.com/distribution/reference"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/tree"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// Examine reads the manifests and configurations of a list's images, and calls the examiner for them. It leaves out entries that
// are not images.
func Examine(ctx context.Context, c *manifest.Client, entries []Entry, ask tree.Examiner) error {
	images := make([]*tree.Image, len(entries))
	from := make([]content.Fetcher, len(entries))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(looksAtOnce)
	for i, entry := range entries {
		if manifest.IsAttestation(entry.Descriptor) {
			continue
		}
		group.Go(func() (err error) {
			images[i], from[i], err = read(groupCtx, c, entry)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	var all []tree.Image
	var parts []index.Part
	for i, img := range images {
		if img == nil {
			continue
		}
		all = append(all, *img)
		parts = append(parts, index.Part{Stored: img.Manifest.Layers, Store: from[i]})
	}
	return ask(ctx, all, index.BlobsOf(parts))
}

// read returns the image of an entry, for the platform of the entry, or nil if it is none.
func read(ctx context.Context, c *manifest.Client, entry Entry) (*tree.Image, content.Fetcher, error) {
	name, err := reference.ParseNormalizedNamed(entry.Name)
	if err != nil {
		return nil, nil, err
	}
	at, err := reference.WithDigest(reference.TrimNamed(name), entry.Descriptor.Digest)
	if err != nil {
		return nil, nil, err
	}
	root, blobs, err := c.Source(ctx, at)
	if err != nil {
		return nil, nil, Missing(at, err)
	}
	t, err := tree.Read(ctx, root, blobs)
	if err != nil || len(t.Images) != 1 {
		return nil, nil, err
	}
	t.Images[0].Descriptor.Platform = entry.Descriptor.Platform
	return &t.Images[0], blobs, nil
}

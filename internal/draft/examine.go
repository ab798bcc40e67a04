package draft

import (
	"context"
	"fmt"
	"io"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"

	"github.com/docker-multiarch/docker-multiarch/internal/tree"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// Examine reads the manifests and configurations of a list's images, and asks about them. Entries that are no images are left out.
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
	blobs := layers{}
	for i, img := range images {
		if img == nil {
			continue
		}
		all = append(all, *img)
		for _, layer := range img.Manifest.Layers {
			blobs[layer.Digest] = from[i]
		}
	}
	return ask(ctx, all, blobs)
}

// read is the image of an entry, for the platform of the entry; nil if it is none.
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

// layers are those of several images, by who has them. It is an oras-go content.Fetcher.
type layers map[digest.Digest]content.Fetcher

// Fetch implements content.Fetcher.
func (l layers) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	if from, ok := l[desc.Digest]; ok {
		return from.Fetch(ctx, desc)
	}
	return nil, fmt.Errorf("%s: %w", desc.Digest, errdef.ErrNotFound)
}

package manifest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/distribution/reference"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/content"
)

// Supply pushes an image to the repositories by its digest, if each of them lacks no more of its blobs than limit bytes; else ok is false, and
// so it is if anything fails. Then the image has to be pushed in another way, which finds what was sent. No request is repeated.
//
// It reads blobs from src. A blob that several images have is asked for once, and sent once, by this client. A repository may not show the image
// yet when Supply returns: the image is Unseen.
func (c *Client) Supply(ctx context.Context, repos []reference.Named, image Image, src content.Fetcher, limit int64) (_ Image, ok bool) {
	var group errgroup.Group // no push is broken off because another one failed
	for _, named := range repos {
		group.Go(func() error {
			r, err := c.repository(named)
			if err != nil {
				return err
			}
			if err := r.SetReferrersCapability(true); err != nil { // see upload
				return err
			}
			return c.supply(r.pushScope(once(ctx)), &upload{client: c, repo: r, src: src, root: image.Descriptor}, image, limit)
		})
	}
	if group.Wait() != nil {
		return image, false
	}
	image.Repository, image.Unseen = reference.TrimNamed(repos[0]), true
	return image, true
}

// errMuch means that a repository lacks more of an image than a caller wants to send.
var errMuch = errors.New("the registry lacks much of the image")

func (c *Client) supply(ctx context.Context, u *upload, image Image, limit int64) error {
	lacking, err := c.lacking(ctx, u.repo, image)
	if err != nil {
		return err
	}
	for _, blob := range lacking {
		if limit -= blob.Size; limit < 0 {
			return errMuch
		}
	}
	var group errgroup.Group
	group.SetLimit(uploadsAtOnce)
	for _, blob := range lacking {
		group.Go(func() error { return c.sendBlob(ctx, u, blob) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return u.Push(ctx, image.Descriptor, bytes.NewReader(image.Body))
}

// lacking returns the blobs of an image that a repository does not have, each once. It does not ask for the configuration: that of a new image is
// new, and small.
func (c *Client) lacking(ctx context.Context, r repository, image Image) (blobs []ocispecs.Descriptor, err error) {
	var mu sync.Mutex
	blobs = []ocispecs.Descriptor{image.Config}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(requestsAtOnce)
	for _, blob := range image.blobs()[1:] {
		group.Go(func() error {
			err := c.hasBlob(groupCtx, r, blob)
			if errors.Is(err, errLacking) {
				mu.Lock()
				defer mu.Unlock()
				blobs = append(blobs, blob)
				return nil
			}
			return err
		})
	}
	return blobs, group.Wait()
}

// blobs returns what an image's repository holds besides the manifest, each once, and the configuration first.
func (i Image) blobs() (all []ocispecs.Descriptor) {
	for _, blob := range append([]ocispecs.Descriptor{i.Config}, i.Layers...) {
		known := slices.ContainsFunc(all, func(o ocispecs.Descriptor) bool { return o.Digest == blob.Digest })
		if !known && !isForeign(blob.MediaType) {
			all = append(all, blob)
		}
	}
	return all
}

// sendBlob uploads a blob, unless another image has meanwhile.
func (c *Client) sendBlob(ctx context.Context, u *upload, blob ocispecs.Descriptor) error {
	return c.answerAbout(u.repo, blob).supplied(func() error {
		return c.inTurn(ctx, func() error {
			body, err := u.src.Fetch(ctx, blob)
			if err != nil {
				return err
			}
			return errors.Join(u.Push(ctx, blob, body), body.Close())
		})
	})
}

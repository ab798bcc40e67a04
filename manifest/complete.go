package manifest

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/errdef"
)

// Complete reads an image by its digest from the first of the repositories, if all of them have it with its configuration and all of its
// layers; else ok is false, and so it is if a registry does not say. Then the image has to be pushed. The bytes of the manifest are checked
// against the digest.
//
// A blob that several images have is asked for once by this client, so the answer is good for one build.
func (c *Client) Complete(ctx context.Context, repos []reference.Named, dgst digest.Digest) (image Image, ok bool) {
	first, err := c.repository(repos[0])
	if err != nil {
		return Image{}, false
	}
	image.Repository = reference.TrimNamed(repos[0])
	if image.Descriptor, image.Body, err = first.fetch(first.pushScope(ctx), dgst.String()); err != nil || image.parse() != nil {
		return Image{}, false
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(requestsAtOnce)
	for i, named := range repos {
		r, err := c.repository(named)
		if err != nil {
			return Image{}, false
		}
		if i > 0 {
			group.Go(func() error {
				_, err := r.Resolve(r.pushScope(groupCtx), dgst.String())
				return err
			})
		}
		for _, blob := range image.blobs() {
			group.Go(func() error { return c.hasBlob(groupCtx, r, blob) })
		}
	}
	return image, group.Wait() == nil
}

// isForeign reports whether a layer of this type is never pushed: its descriptor names another server for it.
func isForeign(mediaType string) bool {
	return strings.Contains(mediaType, ".nondistributable.") || strings.Contains(mediaType, ".foreign.")
}

// errLacking is the error of a blob that a repository does not have.
var errLacking = errors.New("the registry does not have the blob")

// hasBlob returns an error unless a repository has a blob. Images that are asked for at the same time share one request for it.
func (c *Client) hasBlob(ctx context.Context, r repository, blob ocispecs.Descriptor) error {
	return c.answerAbout(r, blob).get(ctx, func() (bool, error) {
		err := c.inTurn(ctx, func() error {
			_, err := r.Blobs().Resolve(r.pushScope(ctx), blob.Digest.String())
			return err
		})
		if errors.Is(err, errdef.ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	})
}

func (c *Client) answerAbout(r repository, blob ocispecs.Descriptor) *blobAnswer {
	at := location{r.Reference.Registry + "/" + r.Reference.Repository, blob.Digest}
	answer, _ := c.asked.LoadOrStore(at, &blobAnswer{})
	return answer.(*blobAnswer) //nolint:forcetypeassert // nothing else is stored
}

// blobAnswer is a registry's answer about a blob. A request that failed is no answer: the next one asks again.
type blobAnswer struct {
	sending sync.Mutex // held while an image's push sends the blob

	mu    sync.Mutex
	known bool
	there bool
}

func (a *blobAnswer) get(ctx context.Context, ask func() (bool, error)) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.known {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		there, err := ask()
		if err != nil {
			return err
		}
		a.known, a.there = true, there
	}
	if !a.there {
		return errLacking
	}
	return nil
}

// supplied calls send unless the blob is there. It is there if send returns no error.
func (a *blobAnswer) supplied(send func() error) error {
	a.sending.Lock()
	defer a.sending.Unlock()
	if a.isThere() {
		return nil
	}
	if err := send(); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known, a.there = true, true
	return nil
}

func (a *blobAnswer) isThere() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.there
}

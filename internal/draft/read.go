package draft

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/distribution/reference"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/docker-multiarch/docker-multiarch/internal/tree"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// looksAtOnce bounds the concurrent lookups of names.
const looksAtOnce = 8

// ReadImages reads the current images of names, in their order. The names have a tag or a digest. Of an index it reads all images and
// their attestations.
func ReadImages(ctx context.Context, c *manifest.Client, names []reference.Named) ([]Image, error) {
	images := make([]Image, len(names))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(looksAtOnce)
	for i, name := range names {
		group.Go(func() (err error) {
			images[i], err = readImage(groupCtx, c, name)
			return err
		})
	}
	err := group.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return images, err
}

func readImage(ctx context.Context, c *manifest.Client, name reference.Named) (Image, error) {
	root, blobs, err := c.Source(ctx, name)
	if err != nil {
		return Image{}, Missing(name, err)
	}
	t, err := tree.Read(ctx, root, blobs)
	if err != nil {
		return Image{}, fmt.Errorf("%s: %w", reference.FamiliarString(name), err)
	}
	if len(t.Images) == 0 {
		return Image{}, fmt.Errorf("%s is not an image: nothing in it has an image's configuration", reference.FamiliarString(name))
	}
	image := Image{Name: name.String(), Root: known(root), others: len(t.Others)}
	for _, img := range t.Images {
		child := Child{Descriptor: known(img.Descriptor), Config: img.Config.Platform}
		for _, a := range img.Attestations {
			child.Attestations = append(child.Attestations, known(a.Descriptor))
		}
		image.Children = append(image.Children, child)
	}
	return image, nil
}

// known returns the fields of an entry that a list keeps.
func known(d ocispecs.Descriptor) ocispecs.Descriptor {
	return ocispecs.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size, Platform: d.Platform, Annotations: d.Annotations}
}

// Missing turns a registry's 404 into an [ErrNone] with the words of docker manifest. It returns other errors unchanged.
func Missing(name reference.Named, err error) error {
	if answer := (*manifest.Error)(nil); errors.As(err, &answer) && answer.Status == http.StatusNotFound {
		return &missingError{name: name.String(), err: err}
	}
	return err
}

// missingError is an [ErrNone] from a registry.
type missingError struct {
	name string
	err  error
}

func (e *missingError) Error() string   { return fmt.Sprintf("%v: %s", ErrNone, familiar(e.name)) }
func (e *missingError) Unwrap() []error { return []error{ErrNone, e.err} }

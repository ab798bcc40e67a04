package smoke

import (
	"context"
	"errors"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/load"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Image is a finished image of one platform.
type Image struct {
	Platform platform.Platform
	// Root is its manifest, and Config the digest of its configuration.
	Root   ocispecs.Descriptor
	Config digest.Digest
	// Pull is a repository that the engine may pull it from, and Auth the credentials, as X-Registry-Auth has them. Without it
	// the image is sent.
	Pull reference.Named
	Auth string
	// Shown is the user's name for the image: a pull is reported as soon as it begins. "" reports nothing.
	Shown string
	// Blobs returns everything that belongs to the image, for when it is sent: also when the engine cannot pull. nil: it is not
	// sent.
	Blobs func(context.Context) (content.Fetcher, error)
}

// temporary is the name of images while they are tested. They are never pushed.
const temporary = "docker-multiarch-test"

// Provide gets the image onto the engine, and returns its name there. It is always the image of one platform: a store that keeps no
// indexes could not hold two platforms of one digest. Close removes the images that Provide added; existing images stay.
func (b *Runner) Provide(ctx context.Context, img Image) (name string, err error) {
	id := img.Config
	if b.info.ContainerdStore {
		id = img.Root.Digest
	}
	had, err := b.engine.Image(ctx, id.String())
	if err != nil {
		return "", err
	}
	there := had.ID == id
	if there && len(had.Names) == 0 {
		return id.String(), nil // the image exists without a name; removing a name later would remove the image as well
	}
	if !there {
		gone := b.engine.Temporary(ctx, engine.Nameless, id.String())
		defer func() {
			var left error
			if err != nil {
				left = b.drop(ctx, id)
			}
			if left == nil {
				gone()
			}
			err = errors.Join(err, left)
		}()
		if err := b.fetch(ctx, img); err != nil {
			return "", err
		}
	}
	tagged, err := b.name(img.Platform)
	if err != nil {
		return "", err
	}
	b.recordName(ctx, img.Root.Digest, tagged)
	return tagged, b.engine.Tag(ctx, id.String(), tagged)
}

// name returns a unique name.
func (b *Runner) name(p platform.Platform) (string, error) {
	repo, err := reference.ParseNormalizedNamed(temporary)
	if err != nil {
		return "", err
	}
	base, err := reference.WithTag(repo, b.id)
	if err != nil {
		return "", err
	}
	name, err := load.Suffixed(base, p)
	if err != nil {
		return "", err
	}
	return reference.FamiliarString(name), nil
}

// fetch lets the engine pull the image, or sends it.
func (b *Runner) fetch(ctx context.Context, img Image) error {
	if img.Pull == nil {
		return b.send(ctx, img)
	}
	ref, err := reference.WithDigest(reference.TrimNamed(img.Pull), img.Root.Digest)
	if err != nil {
		return err
	}
	b.recordName(ctx, img.Root.Digest, ref.String())
	if img.Shown != "" {
		b.note(diag.Notef("pulling %s for %s", img.Shown, platform.Format(img.Platform)))
	}
	err = b.engine.Pull(ctx, ref.String(), img.Auth, nil)
	if err == nil || ctx.Err() != nil || img.Blobs == nil || errors.Is(err, engine.ErrUnreachable) {
		return err
	}
	b.note(diag.Notef("the engine cannot pull the image for %s, so the client sends it: %v", platform.Format(img.Platform), err))
	return b.send(ctx, img)
}

func (b *Runner) send(ctx context.Context, img Image) error {
	blobs, err := img.Blobs(ctx)
	if err != nil {
		return err
	}
	staged, err := load.Stage(ctx, b.engine, load.Request{Root: img.Root, Blobs: blobs})
	if err == nil {
		_, err = staged.Commit(ctx)
	}
	return err
}

// drop removes an image that arrived without a name and was given none.
func (b *Runner) drop(ctx context.Context, id digest.Digest) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return b.engine.RemoveNameless(ctx, id.String())
}

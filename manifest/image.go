package manifest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/docker-multiarch/docker-multiarch/internal/document"
)

// Image is an image in a registry. [Client.Child] makes it, so it also proves that the registry has it, unless it is Unseen.
type Image struct {
	Repository reference.Named       // without tag or digest
	Descriptor ocispecs.Descriptor   // media type, digest and size in bytes of the manifest
	Config     ocispecs.Descriptor   // as the manifest has it
	Layers     []ocispecs.Descriptor // as the manifest has them, base first
	Size       int64                 // bytes of the layers and the configuration, as they are stored
	Body       []byte                // the manifest
	// Unseen: the registry has accepted it, and was not asked for it since. Some accept a manifest and lose it.
	Unseen bool
}

// Child reads an image manifest by its digest from a repository to which it was just pushed. While the registry does not show it,
// Child waits, up to Options.Settle. The bytes are checked against the digest. The error is an [*Error], of kind [ErrNotFound] if
// the registry still did not show it.
func (c *Client) Child(ctx context.Context, repo reference.Named, dgst digest.Digest) (Image, error) {
	op := fmt.Sprintf("read %q", reference.FamiliarName(repo)+"@"+dgst.String())
	r, err := c.repository(repo)
	if err != nil {
		return Image{}, fmt.Errorf("%s: %w", op, err)
	}
	if err := dgst.Validate(); err != nil {
		return Image{}, fmt.Errorf("%s: %w", op, err)
	}
	image := Image{Repository: reference.TrimNamed(repo)}
	found, err := c.waitVisible(r.pushScope(ctx), r.endpoint.name, dgst.String(), c.opt.Settle, func(ctx context.Context) (bool, error) {
		var err error
		image.Descriptor, image.Body, err = r.fetch(ctx, dgst.String())
		if errors.Is(err, errdef.ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return Image{}, r.fail(ctx, op, err)
	}
	if !found {
		return Image{}, r.fail(ctx, op, r.missing(c.opt.Settle))
	}
	if err := image.parse(); err != nil {
		return Image{}, fmt.Errorf("%s: %w", op, err)
	}
	return image, nil
}

// Resolve returns the media type, digest and size in bytes of the manifest or index that a tag or digest names. It requests the
// right to pull only, and waits for nothing. An error is an [*Error], of kind [ErrNotFound] if the registry has no such thing.
func (c *Client) Resolve(ctx context.Context, ref reference.Named) (ocispecs.Descriptor, error) {
	op := fmt.Sprintf("look up %q", reference.FamiliarString(ref))
	r, err := c.repository(ref)
	if err != nil {
		return ocispecs.Descriptor{}, fmt.Errorf("%s: %w", op, err)
	}
	desc, err := r.Resolve(auth.AppendRepositoryScope(ctx, r.Reference, auth.ActionPull), nameIn(ref))
	if err != nil {
		return ocispecs.Descriptor{}, r.fail(ctx, op, err)
	}
	return desc, nil
}

// fetch reads a manifest or index, and checks its bytes against its digest.
func (r repository) fetch(ctx context.Context, name string) (ocispecs.Descriptor, []byte, error) {
	desc, body, err := r.FetchReference(ctx, name)
	if err != nil {
		return ocispecs.Descriptor{}, nil, err
	}
	defer body.Close()
	if err := document.CheckSize(desc.Size); err != nil {
		return ocispecs.Descriptor{}, nil, err
	}
	data, err := content.ReadAll(body, desc)
	return desc, data, err
}

// ParseImage reads an image manifest that did not come from a registry: Repository is not set. An index, or anything else, is
// refused.
func ParseImage(body []byte) (Image, error) {
	var typed struct {
		MediaType string `json:"mediaType"`
	}
	if err := json.Unmarshal(body, &typed); err != nil {
		return Image{}, fmt.Errorf("not an image manifest: %w", err)
	}
	image := Image{
		Body:       body,
		Descriptor: ocispecs.Descriptor{MediaType: typed.MediaType, Digest: digest.FromBytes(body), Size: int64(len(body))},
	}
	return image, image.parse()
}

func (i *Image) parse() error {
	if IsIndex(i.Descriptor.MediaType) || FamilyOf(i.Descriptor.MediaType) == "" {
		return fmt.Errorf("not an image manifest but %q", i.Descriptor.MediaType)
	}
	manifest, err := document.Manifest(i.Body)
	if err != nil {
		return err
	}
	i.Config, i.Layers = manifest.Config, manifest.Layers
	i.Size = manifest.Config.Size
	for _, layer := range manifest.Layers {
		i.Size += layer.Size
	}
	return nil
}

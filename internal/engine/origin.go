package engine

import (
	"context"
	"fmt"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"
)

// Origins returns the repositories that an image is known to have come from: those that the engine has pulled it from or pushed
// it to, each with the digest that it has there. An image that was built, loaded, imported or committed has none, and a tag adds
// none. id is the image's, as the engine shows it. An image that is gone has no origins.
//
// A classic store keeps them as the image's digests by repository. A containerd store shows such digests for every name that an
// image has, so they prove nothing; there the origins are labels of the image's first blob, in which registries have no ports.
// The error is [ErrNoContent] if the engine does not show those labels.
func (e *Engine) Origins(ctx context.Context, id string) ([]reference.Canonical, error) {
	info, err := e.Info(ctx)
	if err != nil {
		return nil, err
	}
	if info.ContainerdStore {
		return e.blobOrigins(ctx, id)
	}
	res, err := e.api.ImageInspect(ctx, id)
	if cerrdefs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, failed(ctx, fmt.Sprintf("look for image %q", id), err)
	}
	var origins []reference.Canonical
	for _, text := range res.RepoDigests {
		if named, err := reference.ParseNormalizedNamed(text); err == nil {
			if origin, ok := named.(reference.Canonical); ok {
				origins = append(origins, origin)
			}
		}
	}
	return origins, nil
}

// blobOrigins returns the origins of an image of a containerd store, whose ID is the digest of its first blob.
func (e *Engine) blobOrigins(ctx context.Context, id string) ([]reference.Canonical, error) {
	root, err := digest.Parse(id)
	if err != nil {
		return nil, fmt.Errorf("the image ID %q is not a digest: %w", id, err)
	}
	content, err := e.Content(ctx)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	names, err := content.origins(ctx, root)
	if err != nil {
		return nil, err
	}
	var origins []reference.Canonical
	for _, name := range names {
		named, err := reference.WithName(name)
		if err != nil {
			continue // not a valid name, so no user can have requested it
		}
		origin, err := reference.WithDigest(named, root)
		if err != nil {
			return nil, err
		}
		origins = append(origins, origin)
	}
	return origins, nil
}

// RegistryDigest asks the registry of ref, through the engine, for the digest of that name. registryAuth is as for [Engine.Pull].
func (e *Engine) RegistryDigest(ctx context.Context, ref, registryAuth string) (digest.Digest, error) {
	ctx, done := e.watch.attend(ctx)
	defer done()
	res, err := e.api.DistributionInspect(ctx, ref, client.DistributionInspectOptions{EncodedRegistryAuth: registryAuth})
	if err != nil {
		return "", failed(ctx, fmt.Sprintf("ask the registry for %q", ref), err)
	}
	return res.Descriptor.Digest, nil
}

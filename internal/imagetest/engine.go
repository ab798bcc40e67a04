package imagetest

import (
	"context"

	"github.com/distribution/reference"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// Engine is an engine that tests run on.
type Engine struct {
	Engine   *engine.Engine
	Registry *manifest.Client
	// PullAuth returns the credentials with which the engine pulls the image of this name; nil means none.
	PullAuth func(ctx context.Context, name string) (string, error)
}

// Open is an [Opener].
func (e Engine) Open(ctx context.Context, _ []smoke.Test, note diag.Notes) (Place, error) {
	runner, err := smoke.Open(ctx, e.Engine, note)
	if err != nil {
		return nil, err
	}
	return onEngine{e, runner}, nil
}

// onEngine is an engine that is ready.
type onEngine struct {
	Engine
	*smoke.Runner
}

// Provide implements [Place]: the engine pulls the image from the registry that it was pushed to, or the client sends it.
func (e onEngine) Provide(ctx context.Context, img Image) (smoke.Place, error) {
	to := smoke.Image{Platform: img.Platform, Root: img.Child.Image.Descriptor, Config: img.Child.Image.Config.Digest, Pull: img.Pull}
	to.Blobs = func(context.Context) (content.Fetcher, error) { return img.Child, nil }
	if img.Pull != nil {
		to.Blobs = func(ctx context.Context) (content.Fetcher, error) {
			ref, err := reference.WithDigest(img.Pull, to.Root.Digest)
			if err != nil {
				return nil, err
			}
			_, source, err := e.Registry.Source(ctx, ref)
			return source, err
		}
	}
	if img.Pull != nil && e.PullAuth != nil {
		var err error
		if to.Auth, err = e.PullAuth(ctx, img.Pull.Name()); err != nil {
			return smoke.Place{}, err
		}
	}
	name, err := e.Runner.Provide(ctx, to)
	return e.Place(name), err
}

package nodeserver

import (
	"context"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Image is an image that an engine is to fetch.
type Image struct {
	Manifest, Config ocispecs.Descriptor
	Layers           []ocispecs.Descriptor
	Platform         platform.Platform
}

// Carry makes the engine fetch images of the node; documents has their manifests and configurations. release is as that of [Server.Pull], for
// all of them; it is not nil. With an error the engine may have some of the images.
func (n Node) Carry(ctx context.Context, images []Image, documents content.Fetcher) (release func(context.Context), err error) {
	var releases []func(context.Context)
	release = func(ctx context.Context) {
		for _, one := range releases {
			one(ctx)
		}
	}
	var c Content
	for _, img := range images {
		for _, desc := range []ocispecs.Descriptor{img.Manifest, img.Config} {
			body, err := content.FetchAll(ctx, documents, desc)
			if err != nil {
				return release, err
			}
			c.Documents = append(c.Documents, Document{desc.MediaType, body})
		}
		c.Layers = append(c.Layers, img.Layers...)
	}
	s, err := n.Start(ctx, c)
	if err != nil {
		return release, err
	}
	defer s.Close()
	for _, img := range images {
		one, err := s.Pull(ctx, img.Manifest.Digest, img.Platform)
		releases = append(releases, one)
		if err != nil {
			return release, err
		}
	}
	return release, nil
}

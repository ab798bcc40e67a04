package build

import (
	"context"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// publish stitches the images (in the order of rep.Platforms) and moves the tags. Everything before it left them alone.
func publish(ctx context.Context, req Request, env Env, rep Report, images []manifest.Image) (Report, error) {
	desc, body, err := stitch(req, rep.Platforms, images)
	if err != nil {
		return rep, err
	}
	rep.Target = desc
	rep.Tags, err = env.Registry.Publish(ctx, manifest.PublishRequest{Targets: req.Tags, Descriptor: desc, Body: body, Seen: images})
	if err != nil {
		return rep, &PushError{Err: err, Tags: rep.Tags}
	}
	return rep, nil
}

// stitch makes what the tags will point at. A single platform's own manifest will do, unless an index was asked for.
func stitch(req Request, platforms []PlatformReport, images []manifest.Image) (ocispecs.Descriptor, []byte, error) {
	if len(images) == 1 && !req.Index {
		return images[0].Descriptor, images[0].Body, nil
	}
	children := make([]ocispecs.Descriptor, len(images))
	for i, img := range images {
		children[i] = img.Descriptor
		children[i].Platform = &platforms[i].Platform
	}
	return manifest.Index(children, manifest.IndexOptions{Family: req.MediaTypes})
}

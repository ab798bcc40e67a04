package engine

import (
	"context"
	"fmt"
	"io"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Save streams the image that the engine has under ref, as `docker save` does:
// an OCI layout, or from older engines a Docker archive. Of an image of several
// platforms it has those that are there. The caller closes it; it ends with ctx.
func (e *Engine) Save(ctx context.Context, ref string) (io.ReadCloser, error) {
	res, err := e.api.ImageSave(ctx, []string{ref})
	if err != nil {
		return nil, failed(fmt.Sprintf("save image %q", ref), err)
	}
	return res, nil
}

// ImagePlatforms are the platforms for which the engine has all of the image
// under ref: one, except in a containerd store. None: it has no such image. An
// engine whose API is older than 1.48 tells the platform that it would run only.
func (e *Engine) ImagePlatforms(ctx context.Context, ref string) ([]ocispecs.Platform, error) {
	var opts []client.ImageInspectOption
	if _, err := e.api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return nil, failed(fmt.Sprintf("look for image %q", ref), err)
	}
	if info, err := e.Info(ctx); err == nil && info.ContainerdStore && atLeast(e.api.ClientVersion(), 1, 48) {
		opts = append(opts, client.ImageInspectWithManifests(true))
	}
	res, err := e.api.ImageInspect(ctx, ref, opts...)
	if cerrdefs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, failed(fmt.Sprintf("look for image %q", ref), err)
	}
	var ps []ocispecs.Platform
	for _, m := range res.Manifests {
		if m.Kind == image.ManifestKindImage && m.Available && m.ImageData != nil {
			ps = append(ps, m.ImageData.Platform)
		}
	}
	if len(ps) == 0 {
		ps = append(ps, ocispecs.Platform{OS: res.Os, Architecture: res.Architecture, Variant: res.Variant, OSVersion: res.OsVersion})
	}
	return ps, nil
}

// atLeast compares the version of an API, "1.48".
func atLeast(version string, major, minor int) bool {
	var x, y int
	_, err := fmt.Sscanf(version, "%d.%d", &x, &y)
	return err == nil && (x > major || x == major && y >= minor)
}

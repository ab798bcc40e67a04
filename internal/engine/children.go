package engine

import (
	"context"
	"fmt"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Child is the image of one platform, among those that an engine has under one name.
type Child struct {
	Platform  ocispecs.Platform
	Digest    digest.Digest // of its manifest; "" if the engine does not show it
	Available bool          // the engine has all of it
}

// Children returns the images under ref: one, except in a containerd store, which lists those of an index, available or not. The
// result is empty if the engine has no such image. An engine whose API is older than 1.48 lists only the image that it would run.
func (e *Engine) Children(ctx context.Context, ref string) ([]Child, error) {
	ctx, done := e.watch.attend(ctx)
	defer done()
	var opts []client.ImageInspectOption
	if _, err := e.api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return nil, failed(ctx, fmt.Sprintf("look for image %q", ref), err)
	}
	if info, err := e.Info(ctx); err == nil && info.ContainerdStore && atLeast(e.api.ClientVersion(), 1, 48) {
		opts = append(opts, client.ImageInspectWithManifests(true))
	}
	res, err := e.api.ImageInspect(ctx, ref, opts...)
	if cerrdefs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, failed(ctx, fmt.Sprintf("look for image %q", ref), err)
	}
	var children []Child
	for _, m := range res.Manifests {
		c := Child{Digest: m.Descriptor.Digest, Available: m.Available}
		switch {
		case m.Kind == image.ManifestKindImage && m.ImageData != nil:
			c.Platform = m.ImageData.Platform
		case m.Kind == image.ManifestKindUnknown && m.Descriptor.Platform != nil:
			c.Platform = *m.Descriptor.Platform // the store has none of its content
		default:
			continue
		}
		children = append(children, c)
	}
	if len(children) == 0 {
		own := ocispecs.Platform{OS: res.Os, Architecture: res.Architecture, Variant: res.Variant, OSVersion: res.OsVersion}
		children = append(children, Child{Platform: own, Available: true})
	}
	return children, nil
}

// Names returns the names of the engine's images that match the pattern, in which * stands for anything but a slash: "app:1.0-*".
func (e *Engine) Names(ctx context.Context, pattern string) ([]string, error) {
	ctx, done := e.watch.attend(ctx)
	defer done()
	res, err := e.api.ImageList(ctx, client.ImageListOptions{Filters: client.Filters{}.Add("reference", pattern)})
	if err != nil {
		return nil, failed(ctx, "list the images", err)
	}
	var names []string
	for _, one := range res.Items {
		names = append(names, one.RepoTags...)
	}
	return names, nil
}

// ImagePlatforms returns the platforms for which the engine has the complete image under ref.
func (e *Engine) ImagePlatforms(ctx context.Context, ref string) ([]ocispecs.Platform, error) {
	children, err := e.Children(ctx, ref)
	var ps []ocispecs.Platform
	for _, c := range children {
		if c.Available {
			ps = append(ps, c.Platform)
		}
	}
	return ps, err
}

// atLeast compares the version of an API, "1.48".
func atLeast(version string, major, minor int) bool {
	var x, y int
	_, err := fmt.Sscanf(version, "%d.%d", &x, &y)
	return err == nil && (x > major || x == major && y >= minor)
}

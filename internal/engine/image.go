package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// HasImage reports whether the engine has an image under ref (a name or an ID).
func (e *Engine) HasImage(ctx context.Context, ref string) (bool, error) {
	id, err := e.ImageID(ctx, ref)
	return id != "", err
}

// ImageID returns the ID of the image that the engine has under ref, or "" when it has none.
func (e *Engine) ImageID(ctx context.Context, ref string) (string, error) {
	img, err := e.Image(ctx, ref)
	return img.ID.String(), err
}

// Image is an image on an engine. If the image has several platforms, Platform and DiffIDs are those that the engine would run.
type Image struct {
	ID       digest.Digest // of the configuration; with a containerd store, of the index or the manifest. Empty: no image
	Platform ocispecs.Platform
	DiffIDs  []digest.Digest // the layers without compression, base first
	Names    []string        // such as "app:1.0", "app@sha256:…"
}

// Image returns the image that the engine has under ref, a name or an ID; the zero Image if it has none.
func (e *Engine) Image(ctx context.Context, ref string) (Image, error) {
	ctx, done := e.watch.attend(ctx)
	defer done()
	res, err := e.api.ImageInspect(ctx, ref)
	if cerrdefs.IsNotFound(err) {
		return Image{}, nil
	}
	if err != nil {
		return Image{}, failed(ctx, fmt.Sprintf("look for image %q", ref), err)
	}
	img := Image{
		ID: digest.Digest(res.ID),
		Platform: ocispecs.Platform{
			OS: res.Os, Architecture: res.Architecture, Variant: res.Variant, OSVersion: res.OsVersion,
		},
	}
	img.Names = append(append(img.Names, res.RepoTags...), res.RepoDigests...)
	for _, layer := range res.RootFS.Layers {
		img.DiffIDs = append(img.DiffIDs, digest.Digest(layer))
	}
	return img, nil
}

// ImageIDs returns the IDs of the engine's images, the newest first.
func (e *Engine) ImageIDs(ctx context.Context) ([]string, error) {
	ctx, done := e.watch.attend(ctx)
	defer done()
	res, err := e.api.ImageList(ctx, client.ImageListOptions{})
	if err != nil {
		return nil, failed(ctx, "list the images", err)
	}
	slices.SortStableFunc(res.Items, func(a, b image.Summary) int { return cmp.Compare(b.Created, a.Created) })
	ids := make([]string, len(res.Items))
	for i, one := range res.Items {
		ids[i] = one.ID
	}
	return ids, nil
}

// Tag gives an image of the engine a name, and moves the name if another image has it.
func (e *Engine) Tag(ctx context.Context, id, name string) error {
	ctx, done := e.watch.attend(ctx)
	defer done()
	_, err := e.api.ImageTag(ctx, client.ImageTagOptions{Source: id, Target: name})
	return failed(ctx, fmt.Sprintf("tag image %s as %q", id, name), err)
}

// RemoveImage removes a name from an image, and with the last name the image. It is not an error if the image is gone.
func (e *Engine) RemoveImage(ctx context.Context, name string) error {
	ctx, done := e.watch.attend(ctx)
	defer done()
	_, err := e.api.ImageRemove(ctx, name, client.ImageRemoveOptions{PruneChildren: true})
	if cerrdefs.IsNotFound(err) {
		return nil
	}
	return failed(ctx, fmt.Sprintf("remove image %q", name), err)
}

// RemoveNameless removes an image of this ID if it has no name.
func (e *Engine) RemoveNameless(ctx context.Context, id string) error {
	img, err := e.Image(ctx, id)
	if err != nil || img.ID.String() != id || len(img.Names) > 0 {
		return err
	}
	return e.RemoveImage(ctx, id)
}

// Pull fetches ref to the engine. registryAuth is the encoded X-Registry-Auth
// header, or "". report, which may be nil, gets one line for each change of
// state, without the counters of a progress bar.
func (e *Engine) Pull(ctx context.Context, ref, registryAuth string, report func(line string)) error {
	return e.pull(ctx, ref, client.ImagePullOptions{RegistryAuth: registryAuth}, report)
}

// PullPlatform fetches an image of a platform, without credentials.
func (e *Engine) PullPlatform(ctx context.Context, ref string, p ocispecs.Platform) error {
	return e.pull(ctx, ref, client.ImagePullOptions{Platforms: []ocispecs.Platform{p}}, nil)
}

func (e *Engine) pull(ctx context.Context, ref string, opt client.ImagePullOptions, report func(line string)) error {
	op := fmt.Sprintf("pull image %q", ref)
	ctx, done := e.watch.attend(ctx)
	defer done()
	resp, err := e.api.ImagePull(ctx, ref, opt)
	if err != nil {
		return failed(ctx, op, err)
	}
	defer resp.Close()
	for msg, err := range resp.JSONMessages(ctx) {
		if err != nil {
			return failed(ctx, op, err)
		}
		if msg.Error != nil {
			return failed(ctx, op, msg.Error)
		}
		if report == nil || msg.Status == "" || (msg.Progress != nil && (msg.Progress.Current > 0 || msg.Progress.Total > 0)) {
			continue
		}
		line := msg.Status
		if msg.ID != "" {
			line = msg.ID + ": " + line
		}
		report(line)
	}
	return nil
}

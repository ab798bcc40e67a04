package engine

import (
	"context"
	"fmt"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// HasImage says whether the engine has an image under ref (a name or an ID).
func (e *Engine) HasImage(ctx context.Context, ref string) (bool, error) {
	id, err := e.ImageID(ctx, ref)
	return id != "", err
}

// ImageID is the ID of the image that the engine has under ref, or "" when it
// has none.
func (e *Engine) ImageID(ctx context.Context, ref string) (string, error) {
	res, err := e.api.ImageInspect(ctx, ref)
	if cerrdefs.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", failed(fmt.Sprintf("look for image %q", ref), err)
	}
	return res.ID, nil
}

// Pull fetches ref to the engine. registryAuth is the encoded X-Registry-Auth
// header, or "". report, which may be nil, gets one line for each change of
// state, without the counters of a progress bar.
func (e *Engine) Pull(ctx context.Context, ref, registryAuth string, report func(line string)) error {
	op := fmt.Sprintf("pull image %q", ref)
	resp, err := e.api.ImagePull(ctx, ref, client.ImagePullOptions{RegistryAuth: registryAuth})
	if err != nil {
		return failed(op, err)
	}
	defer resp.Close()
	for msg, err := range resp.JSONMessages(ctx) {
		if err != nil {
			return failed(op, err)
		}
		if msg.Error != nil {
			return failed(op, msg.Error)
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

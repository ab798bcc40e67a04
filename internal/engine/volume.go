package engine

import (
	"context"
	"fmt"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// HasVolume reports whether there is a volume of that name.
func (e *Engine) HasVolume(ctx context.Context, name string) (bool, error) {
	ctx, done := e.watch.attend(ctx)
	defer done()
	_, err := e.api.VolumeInspect(ctx, name, client.VolumeInspectOptions{})
	if cerrdefs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, failed(ctx, fmt.Sprintf("inspect volume %q", name), err)
	}
	return true, nil
}

// RemoveVolume removes a volume; removed is false when there was none.
func (e *Engine) RemoveVolume(ctx context.Context, name string) (removed bool, err error) {
	ctx, done := e.watch.attend(ctx)
	defer done()
	_, err = e.api.VolumeRemove(ctx, name, client.VolumeRemoveOptions{})
	if cerrdefs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, failed(ctx, fmt.Sprintf("remove volume %q", name), err)
	}
	return true, nil
}

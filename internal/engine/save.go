package engine

import (
	"context"
	"fmt"
	"io"
)

// Save streams the image that the engine has under ref, as `docker save` does: an OCI layout, or from older engines a Docker
// archive. If the image has several platforms, the stream has those that the engine has. The caller closes it; it ends with ctx.
func (e *Engine) Save(ctx context.Context, ref string) (io.ReadCloser, error) {
	ctx, done := e.watch.attend(ctx)
	res, err := e.api.ImageSave(ctx, []string{ref})
	if err != nil {
		defer done()
		return nil, failed(ctx, fmt.Sprintf("save image %q", ref), err)
	}
	return watchedStream(ctx, res, done), nil
}

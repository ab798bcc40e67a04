package engine

import (
	"context"
	"fmt"
	"io"
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

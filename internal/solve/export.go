package solve

import (
	"context"

	"github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/internal/index"
)

// exports returns the exports that BuildKit makes of the platform's result.
func (j job) exports(ctx context.Context, documents *index.Documents) []client.ExportEntry {
	return append(j.files.Exports(ctx, j.index), j.req.Exports(j.target, documents)...)
}

// collect reads the image that a solve has exported.
func (t *trial) collect(ctx context.Context, resp *client.SolveResponse, documents *index.Documents) (index.Child, error) {
	if !t.req.MakesImages() {
		return index.Child{}, nil
	}
	c, root, err := t.req.ReadExported(ctx, resp.ExporterResponse, documents)
	c.Layers = t.node.Blobs
	if err != nil || !t.req.Pushes() {
		return c, err
	}
	if again(afterExport, facts{unpushed: t.req.Attested()}) == pushAlone {
		if resp, err = t.pushAlone(ctx); err != nil {
			return c, err
		}
		if root, err = index.Exported(resp.ExporterResponse); err != nil {
			return c, err
		}
	}
	return t.req.ReadPushed(ctx, t.env.Registry, c, root)
}

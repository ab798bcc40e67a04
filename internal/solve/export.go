package solve

import (
	"context"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
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
		if root, err = t.pushAlone(ctx); err != nil {
			return c, err
		}
	}
	return t.req.ReadPushed(ctx, t.env.Registry, c, root)
}

// pushAlone pushes the image of a platform that was built with attestations, without them. Its solve finds everything in the cache.
// BuildKit would push an attestation before the image it describes, which some registries refuse (buildkit#7007).
func (t *trial) pushAlone(ctx context.Context) (digest.Digest, error) {
	run := *t.nodeRun
	run.req.Attests, run.req.NoCache, run.req.Outputs = nil, false, sink.Outputs{Attrs: t.req.Outputs.Attrs}
	run.files = &sink.StagedFiles{}
	alone := job{t.index, t.target, &run}
	turn := push{repositories: len(t.req.Repositories())}
	see := func(msg *client.SolveStatus) { t.log.Add(msg); turn.see(msg) }
	o := order{pins: t.pins(), see: see, exports: func(ctx context.Context) []client.ExportEntry { return alone.exports(ctx, index.NewDocuments()) }}
	resp, err := alone.solve(ctx, o, func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
		got, err := alone.read(ctx, gw, t.out.isolated, true)
		if err != nil {
			return nil, err
		}
		r, err := alone.relocate(ctx, gw, *t.out.decided, relocation{got: got, fallback: t.out.fallback}, t.out.isolated)
		if err == nil {
			err = turn.begin(ctx, t.out.decided.uploads, r.got.graph)
		}
		return r.got.result, err
	})
	turn.end(err == nil)
	if err != nil {
		return "", err
	}
	return index.Exported(resp.ExporterResponse)
}

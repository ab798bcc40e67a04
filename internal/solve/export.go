package solve

import (
	"context"
	"fmt"
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
)

// exports say what BuildKit does with the platform's result: it pushes by digest to every repository, sends the image's documents to
// documents, and files to where they are staged. It never sees a tag, an engine or a destination.
func (j job) exports(ctx context.Context, documents *index.Documents) []client.ExportEntry {
	list := j.files.Exports(ctx, j.index)
	if j.req.pushes() && !j.req.attested() {
		list = append(list, j.pushEntry())
	}
	if j.req.captures() {
		list = append(list, client.ExportEntry{
			Type: client.ExporterOCI, Attrs: j.imageAttrs(map[string]string{"tar": "false"}), OutputStore: documents,
		})
	}
	return list
}

func (j job) pushEntry() client.ExportEntry {
	var repos []string
	for _, r := range j.req.Repositories() {
		repos = append(repos, r.Name())
	}
	attrs := map[string]string{
		string(exptypes.OptKeyName):         strings.Join(repos, ","),
		string(exptypes.OptKeyPush):         "true",
		string(exptypes.OptKeyPushByDigest): "true",
	}
	if j.req.Insecure {
		attrs[string(exptypes.OptKeyInsecure)] = "true"
	}
	return client.ExportEntry{Type: client.ExporterImage, Attrs: j.imageAttrs(attrs)}
}

func (j job) imageAttrs(more map[string]string) map[string]string {
	attrs := j.req.imageAttrs(j.target)
	for k, v := range more {
		attrs[k] = v
	}
	return attrs
}

// collect reads the image that a solve has exported. That the registry has it is a condition of every tag.
func (t *trial) collect(ctx context.Context, resp *client.SolveResponse, documents *index.Documents) (index.Child, error) {
	if !t.req.MakesImages() {
		return index.Child{}, nil
	}
	root, err := index.Exported(resp.ExporterResponse)
	if err != nil {
		return index.Child{}, err
	}
	c := index.Child{}
	if t.req.captures() {
		if c, err = index.ReadChild(ctx, documents, root); err != nil {
			return c, err
		}
		if err := c.Hide(ctx, t.req.Hidden); err != nil {
			return c, err
		}
	}
	c.Layers = t.node.Blobs
	if !t.req.pushes() {
		return c, nil
	}
	if again(afterExport, facts{unpushed: t.req.attested()}) == pushAlone {
		if root, err = t.pushAlone(ctx); err != nil {
			return c, err
		}
	}
	if c.Image.Body != nil && c.Image.Descriptor.Digest != root {
		return c, fmt.Errorf("the image is %s in the registry but %s here: the build's sources have changed meanwhile; build again",
			root, c.Image.Descriptor.Digest)
	}
	if c.Image, err = t.env.Registry.Child(ctx, t.req.Repositories()[0], root); err != nil {
		return c, &index.PushError{Err: err}
	}
	return c, nil
}

// pushAlone pushes the image of a platform that was built with attestations, without them, by a solve that finds everything in the
// cache. BuildKit would push an attestation before the image that it is about, which some registries refuse (buildkit#7007).
func (t *trial) pushAlone(ctx context.Context) (digest.Digest, error) {
	run := *t.nodeRun
	run.req.Attests, run.req.NoCache, run.req.Outputs = nil, false, sink.Outputs{Attrs: t.req.Outputs.Attrs}
	run.files = &sink.StagedFiles{}
	alone := job{t.index, t.target, &run}
	o := order{pins: t.pins(), see: t.log.See, exports: func(ctx context.Context) []client.ExportEntry { return alone.exports(ctx, index.NewDocuments()) }}
	resp, err := alone.solve(ctx, o, func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
		got, err := alone.read(ctx, gw, t.out.isolated, true)
		if err != nil {
			return nil, err
		}
		r, err := alone.relocate(ctx, gw, *t.out.cleared, relocation{got: got, fallback: t.out.fallback}, t.out.isolated)
		return r.got.result, err
	})
	if err != nil {
		return "", err
	}
	return index.Exported(resp.ExporterResponse)
}

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
func (s *solve) exports(ctx context.Context, documents *index.Documents) []client.ExportEntry {
	list := s.files.Exports(ctx, s.index)
	if s.req.pushes() && !s.req.attested() {
		list = append(list, s.pushEntry())
	}
	if s.req.captures() {
		list = append(list, client.ExportEntry{
			Type: client.ExporterOCI, Attrs: s.imageAttrs(map[string]string{"tar": "false"}), OutputStore: documents,
		})
	}
	return list
}

func (s *solve) pushEntry() client.ExportEntry {
	var repos []string
	for _, r := range s.req.Repositories() {
		repos = append(repos, r.Name())
	}
	attrs := map[string]string{
		string(exptypes.OptKeyName):         strings.Join(repos, ","),
		string(exptypes.OptKeyPush):         "true",
		string(exptypes.OptKeyPushByDigest): "true",
	}
	if s.req.Insecure {
		attrs[string(exptypes.OptKeyInsecure)] = "true"
	}
	return client.ExportEntry{Type: client.ExporterImage, Attrs: s.imageAttrs(attrs)}
}

func (s *solve) imageAttrs(more map[string]string) map[string]string {
	attrs := s.req.imageAttrs(s.platform)
	for k, v := range more {
		attrs[k] = v
	}
	return attrs
}

// collect reads the image that a solve has exported. That the registry has it is a condition of every tag.
func (s *solve) collect(ctx context.Context, resp *client.SolveResponse, documents *index.Documents) (index.Child, error) {
	if !s.req.MakesImages() {
		return index.Child{}, nil
	}
	root, err := index.Exported(resp.ExporterResponse)
	if err != nil {
		return index.Child{}, err
	}
	c := index.Child{}
	if s.req.captures() {
		if c, err = index.ReadChild(ctx, documents, root); err != nil {
			return c, err
		}
		if err := c.Hide(ctx, s.req.Hidden); err != nil {
			return c, err
		}
	}
	c.Layers = s.env.Node.Blobs
	if !s.req.pushes() {
		return c, nil
	}
	if s.req.attested() {
		if root, err = s.pushAlone(ctx); err != nil {
			return c, err
		}
	}
	if c.Image.Body != nil && c.Image.Descriptor.Digest != root {
		return c, fmt.Errorf("the image is %s in the registry but %s here: the build's sources have changed meanwhile; build again",
			root, c.Image.Descriptor.Digest)
	}
	if c.Image, err = s.env.Registry.Child(ctx, s.req.Repositories()[0], root); err != nil {
		return c, &sink.PushError{Err: err}
	}
	return c, nil
}

// pushAlone pushes the image of a platform that was built with attestations, without them, by a solve that finds everything in the
// cache. BuildKit would push an attestation before the image that it is about, which some registries refuse (buildkit#7007).
func (s *solve) pushAlone(ctx context.Context) (digest.Digest, error) {
	alone := *s
	alone.req.Attests, alone.req.NoCache, alone.req.Outputs = nil, false, sink.Outputs{Attrs: s.req.Outputs.Attrs}
	alone.files, alone.recorded = &sink.StagedFiles{}, false
	var under pins
	if s.again != nil {
		under = s.again.pins
	}
	resp, _, err := alone.build(ctx, under, index.NewDocuments(), func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
		got, err := alone.read(ctx, gw)
		if err == nil {
			got, err = alone.across(ctx, gw, *s.passed, got)
		}
		return got.result, err
	})
	if err != nil {
		return "", err
	}
	return index.Exported(resp.ExporterResponse)
}

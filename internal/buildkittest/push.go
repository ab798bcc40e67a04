package buildkittest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// NewRegistry starts a registry on this machine's loopback, and returns its host:port.
func NewRegistry(t testing.TB) (string, *faultregistry.Registry) {
	t.Helper()
	faults := faultregistry.New(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	server := httptest.NewServer(faults)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), faults
}

// export evaluates the result, and exports it as BuildKit does: pushed by digest, sent to the session's content store, or as
// files. Anything else, above all a tag, is refused. The image has the frontend's own configuration.
func (j *job) export(ctx context.Context, res *gateway.Result) (*client.SolveResponse, error) {
	if len(j.Opt.Exports) == 0 {
		return &client.SolveResponse{}, nil
	}
	ref, err := res.SingleRef()
	if err != nil {
		return nil, err
	}
	if ref != nil {
		if err := ref.Evaluate(ctx); err != nil {
			return nil, err
		}
	}
	resp := map[string]string{}
	isPush := func(e client.ExportEntry) bool { return e.Type == client.ExporterImage }
	for i, e := range j.Opt.Exports {
		if isPush(e) {
			continue
		}
		if err := j.exportOne(ctx, e, res.Metadata, resp); err != nil {
			return nil, err
		}
		j.tell(graph.Step{Digest: digest.FromString(fmt.Sprint("export ", i)), Name: "exporting to client"}, false, nil)
	}
	for _, e := range j.Opt.Exports { // BuildKit pushes when all else is exported
		if isPush(e) {
			if err := j.exportOne(ctx, e, res.Metadata, resp); err != nil {
				return nil, err
			}
		}
	}
	return &client.SolveResponse{ExporterResponse: resp}, nil
}

func (j *job) exportOne(ctx context.Context, e client.ExportEntry, meta map[string][]byte, resp map[string]string) error {
	config := meta[exptypes.ExporterImageConfigKey]
	switch {
	case e.Type == client.ExporterImage && e.Attrs["push"] == "true" && e.Attrs["push-by-digest"] == "true":
		attrs := maps.Clone(e.Attrs)
		if names, ok := meta[exptypes.ExporterImageNameKey]; ok && attrs["name"] == "*" {
			attrs["name"] = string(names)
		}
		return j.pushImage(ctx, attrs, config, resp)
	case e.Type == client.ExporterOCI && e.OutputStore != nil && e.Attrs["name"] == "":
		return j.sendImage(ctx, e, config, resp)
	case e.Type == client.ExporterLocal:
		if err := os.MkdirAll(e.OutputDir, 0o700); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(e.OutputDir, "hello"), []byte(platform.Format(j.Platform)), 0o600)
	case e.Type == client.ExporterTar:
		return j.sendTar(e)
	}
	return fmt.Errorf("the solve exports something else than an image by digest, or files: %+v", e)
}

// pushImage pushes the image to the repositories that its name lists. Without a name it only makes the image.
func (j *job) pushImage(ctx context.Context, attrs map[string]string, config []byte, resp map[string]string) error {
	img, err := j.image(attrs, config)
	if err != nil {
		return err
	}
	if err := report(resp, img.root()); err != nil || attrs["name"] == "" {
		return err
	}
	began := time.Now()
	j.status <- &client.SolveStatus{Statuses: []*client.VertexStatus{{ID: "pushing layers", Started: &began}}}
	if err := j.builder.Push.call(ctx, j.Platform); err != nil {
		return err
	}
	for name := range strings.SplitSeq(attrs["name"], ",") {
		pushing := func() {
			j.status <- &client.SolveStatus{Statuses: []*client.VertexStatus{{ID: "pushing manifest for " + name}}}
		}
		if err := img.push(ctx, j.builder.repository(name), pushing); err != nil {
			return fmt.Errorf("failed to push %s: %w", name, err)
		}
		j.note(func(s *Solve) { s.Pushed = append(s.Pushed, name) })
	}
	return nil
}

// sendImage copies the image, or the index of it and its attestation if attestations are requested, to the session's store.
func (j *job) sendImage(ctx context.Context, e client.ExportEntry, config []byte, resp map[string]string) error {
	img, err := j.image(e.Attrs, config)
	if err != nil {
		return err
	}
	docs, root := img.blobs(), img.root()
	if j.attested() {
		more, index, err := attest(root, j.Opt.FrontendAttrs)
		if err != nil {
			return err
		}
		docs, root = append(docs, more...), index
	}
	for _, d := range docs {
		err := content.WriteBlob(ctx, e.OutputStore, d.kind+"-"+d.desc.Digest.String(), bytes.NewReader(d.data), d.desc)
		if err != nil && !errdefs.IsAlreadyExists(err) {
			return err
		}
	}
	return report(resp, root)
}

func (j *job) attested() bool {
	for attr := range j.Opt.FrontendAttrs {
		if strings.HasPrefix(attr, "attest:") {
			return true
		}
	}
	return false
}

func (j *job) sendTar(e client.ExportEntry) error {
	w, err := e.Output(nil)
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	data := []byte(platform.Format(j.Platform))
	if err := t.WriteHeader(&tar.Header{Name: "hello", Size: int64(len(data)), Mode: 0o644}); err != nil {
		return err
	}
	_, err = t.Write(data)
	return errors.Join(err, t.Close(), w.Close())
}

package buildtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// NewRegistry starts a registry on this machine's loopback, and gives its host:port.
func NewRegistry(t testing.TB) (string, *faultregistry.Registry) {
	t.Helper()
	faults := faultregistry.New(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	server := httptest.NewServer(faults)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), faults
}

// export evaluates what is to be exported and pushes it by digest. The image has the frontend's own configuration.
func (j *job) export(ctx context.Context, res *gateway.Result) (*client.SolveResponse, error) {
	ref, err := res.SingleRef()
	if err != nil {
		return nil, err
	}
	if ref != nil {
		if err := ref.Evaluate(ctx); err != nil {
			return nil, err
		}
	}
	if err := j.builder.Push.call(ctx, j.Platform); err != nil {
		return nil, err
	}
	attrs := j.Opt.Exports[0].Attrs
	if len(j.Opt.Exports) != 1 || attrs["push"] != "true" || attrs["push-by-digest"] != "true" {
		return nil, fmt.Errorf("the solve exports something else than an image by digest: %+v", j.Opt.Exports)
	}
	var pushed digest.Digest
	for name := range strings.SplitSeq(attrs["name"], ",") {
		if pushed, err = j.push(ctx, name, attrs["oci-mediatypes"] != "false", res.Metadata[exptypes.ExporterImageConfigKey]); err != nil {
			return nil, fmt.Errorf("failed to push %s: %w", name, err)
		}
	}
	return &client.SolveResponse{ExporterResponse: map[string]string{exptypes.ExporterImageDigestKey: pushed.String()}}, nil
}

func (j *job) push(ctx context.Context, name string, oci bool, config []byte) (digest.Digest, error) {
	types := []string{ocispecs.MediaTypeImageManifest, ocispecs.MediaTypeImageConfig, ocispecs.MediaTypeImageLayerGzip}
	if !oci {
		docker := "application/vnd.docker."
		types = []string{docker + "distribution.manifest.v2+json", docker + "container.image.v1+json", docker + "image.rootfs.diff.tar.gzip"}
	}
	layer := []byte("files for " + platform.Format(j.Platform))
	m := ocispecs.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: types[0]}
	m.Config = ocispecs.Descriptor{MediaType: types[1], Digest: digest.FromBytes(config), Size: int64(len(config))}
	m.Layers = []ocispecs.Descriptor{{MediaType: types[2], Digest: digest.FromBytes(layer), Size: int64(len(layer))}}
	body, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	host, path, _ := strings.Cut(name, "/")
	base := "http://" + host + "/v2/" + path
	for _, blob := range [][]byte{config, layer} {
		url := base + "/blobs/uploads/?digest=" + digest.FromBytes(blob).String()
		if err := send(ctx, http.MethodPost, url, "application/octet-stream", blob); err != nil {
			return "", err
		}
	}
	dgst := digest.FromBytes(body)
	return dgst, send(ctx, http.MethodPut, base+"/manifests/"+dgst.String(), types[0], body)
}

func send(ctx context.Context, method, url, mediaType string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", mediaType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("unexpected status %s", resp.Status)
	}
	return nil
}

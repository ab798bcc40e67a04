package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// child returns the image that BuildKit reports as pushed.
func child(platform string, resp map[string]string) (ocispecs.Descriptor, error) {
	data, err := base64.StdEncoding.DecodeString(resp[exptypes.ExporterImageDescriptorKey])
	if err != nil {
		return ocispecs.Descriptor{}, err
	}
	var told ocispecs.Descriptor
	if err := json.Unmarshal(data, &told); err != nil {
		return told, fmt.Errorf("%s: the descriptor that BuildKit answers: %w", platform, err)
	}
	p, err := platforms.Parse(platform)
	return ocispecs.Descriptor{MediaType: told.MediaType, Digest: told.Digest, Size: told.Size, Platform: &p}, err
}

func putIndex(ctx context.Context, o options, children []ocispecs.Descriptor) error {
	index := ocispecs.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageIndex, Manifests: children}
	body, err := json.Marshal(index)
	if err != nil {
		return err
	}
	host, name, _ := strings.Cut(o.repository, "/")
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+host+"/v2/"+name+"/manifests/"+o.tag, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", index.MediaType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("put the index: %s", resp.Status)
	}
	return nil
}

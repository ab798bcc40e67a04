package manifest_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"strings"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

func ExampleIndex() {
	images := []ocispecs.Descriptor{
		{
			MediaType: ocispecs.MediaTypeImageManifest, Digest: digest.FromString("b"), Size: 1,
			Platform: &ocispecs.Platform{OS: "linux", Architecture: "arm64"},
		},
		{
			MediaType: ocispecs.MediaTypeImageManifest, Digest: digest.FromString("a"), Size: 1,
			Platform: &ocispecs.Platform{OS: "linux", Architecture: "amd64"},
		},
	}
	desc, _, err := manifest.Index(images, manifest.IndexOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	again, _, err := manifest.Index([]ocispecs.Descriptor{images[1], images[0]}, manifest.IndexOptions{})
	fmt.Println(desc.MediaType, desc.Digest == again.Digest, err)
	// Output: application/vnd.oci.image.index.v1+json true <nil>
}

func ExampleClient_Publish() {
	backend := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(backend)
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")

	// A builder has pushed an image by digest.
	body := []byte(`{"schemaVersion":2}`)
	child := digest.FromBytes(body)
	faultregistry.Put(backend, "/v2/app/manifests/"+child.String(), ocispecs.MediaTypeImageManifest, body)

	ctx := context.Background()
	client := manifest.New(manifest.Options{})
	named, err := reference.ParseNormalizedNamed(host + "/app:v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	image, err := client.Child(ctx, named, child)
	if err != nil {
		fmt.Println(err)
		return
	}
	entry := image.Descriptor
	entry.Platform = &ocispecs.Platform{OS: "linux", Architecture: "amd64"}
	desc, index, err := manifest.Index([]ocispecs.Descriptor{entry}, manifest.IndexOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	results, err := client.Publish(ctx, manifest.PublishRequest{
		Targets:    []reference.NamedTagged{named.(reference.NamedTagged)},
		Descriptor: desc,
		Body:       index,
		Seen:       []manifest.Image{image},
	})
	for _, r := range results {
		fmt.Println(strings.TrimPrefix(r.Ref, host), r.State)
	}
	fmt.Println(err)
	// Output:
	// /app:v1 moved
	// <nil>
}

package index

import (
	"errors"
	"io"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"

	"github.com/docker-multiarch/docker-multiarch/manifest"
)

func TestAnIndexHasItsDocumentsAndReadsEachLayerWhereItIs(t *testing.T) {
	desc := func(text string) ocispecs.Descriptor {
		return ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageManifest, Digest: digest.FromString(text), Size: int64(len(text))}
	}
	bodies := func(texts ...string) Bodies {
		b := Bodies{}
		for _, text := range texts {
			b[digest.FromString(text)] = []byte(text)
		}
		return b
	}
	part := func(arch, text, layer string) Part {
		p := Part{Descriptor: desc(text), Documents: bodies(text), Stored: []ocispecs.Descriptor{desc(layer)}, Store: bodies(layer, "the other's")}
		p.Descriptor.Platform = &ocispecs.Platform{OS: "linux", Architecture: arch}
		return p
	}
	x, err := Assemble([]Part{part("arm64", "one", "layer of one"), part("amd64", "two", "layer of two")}, manifest.IndexOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one", "two", "layer of one", "layer of two", string(x.Body)} {
		r, err := x.Blobs.Fetch(t.Context(), desc(want))
		if err != nil {
			t.Fatalf("%q: %v", want, err)
		}
		if got, err := io.ReadAll(r); string(got) != want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if _, err := x.Blobs.Fetch(t.Context(), desc("the other's")); !errors.Is(err, errdef.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

package index

import (
	"bytes"
	"io"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestLayersAreTakenOnlyIfThereIsAFolderForThem(t *testing.T) {
	desc := func(text string) ocispecs.Descriptor {
		return ocispecs.Descriptor{Digest: digest.FromString(text), Size: int64(len(text))}
	}
	taking, err := NewDocumentsWithLayers(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write := func(d *Documents, kind, text string) error {
		return content.WriteBlob(t.Context(), d, kind+"-"+desc(text).Digest.String(), bytes.NewReader([]byte(text)), desc(text))
	}
	for _, d := range []*Documents{taking, NewDocuments()} {
		for _, kind := range []string{"manifest", "layer"} {
			if err := write(d, kind, "a "+kind); err != nil { // the layer is there as far as the writer knows
				t.Fatal(err)
			}
		}
		if r, err := d.Fetch(t.Context(), desc("a manifest")); err != nil {
			t.Error(err)
		} else if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	r, err := taking.Fetch(t.Context(), desc("a layer"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); string(got) != "a layer" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := NewDocuments().Fetch(t.Context(), desc("a layer")); !errdefs.IsNotFound(err) {
		t.Error(err)
	}
}

package manifest_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content/memory"

	"github.com/docker-multiarch/docker-multiarch/manifest"
)

func TestWhatNoImageSaysOfItselfIsRefusedBeforeAByteIsSent(t *testing.T) {
	layer := func(size int64) ocispecs.Descriptor {
		return ocispecs.Descriptor{MediaType: "application/x-other", Digest: digest.FromString("hello"), Size: size}
	}
	for name, c := range map[string]struct {
		manifest any
		want     string
	}{
		"a layer of less than nothing": {ocispecs.Manifest{Layers: []ocispecs.Descriptor{layer(-5)}}, "-5 bytes is less than none"},
		"a layer of 4 EiB":             {ocispecs.Manifest{Layers: []ocispecs.Descriptor{layer(1 << 62)}}, "is more than"},
		"very many layers":             {map[string]any{"layers": make([]struct{}, 2000)}, "lists more than 1000"},
		"an index as well":             {map[string]any{"layers": []any{}, "config": layer(5), "manifests": []any{}}, "a field of an index"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			src := shelf{memory.New(), t}
			err := w.client.Upload(t.Context(), w.tag(t, "app"), src.put(ocispecs.MediaTypeImageManifest, c.manifest), src)
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.As(err, new(*manifest.Error)) {
				t.Errorf("got %v", err)
			}
			for _, r := range w.faults.Requests() {
				if r.Method != http.MethodHead && r.Method != http.MethodGet {
					t.Errorf("it sent %v", r)
				}
			}
		})
	}
	t.Run("a blob alone of less than nothing", func(t *testing.T) {
		w := newWorld(t, nil, nil)
		blob := layer(-5)
		blob.MediaType = ocispecs.MediaTypeImageLayer
		err := w.client.Upload(t.Context(), w.tag(t, "app"), blob, wrong{memory.New(), "hello"})
		if err == nil || !strings.Contains(err.Error(), "less than none") {
			t.Errorf("got %v", err)
		}
	})
}

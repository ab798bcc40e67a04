package tree_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/tree"
)

// counter counts how often each digest is read.
type counter struct {
	content.Fetcher
	mu    sync.Mutex
	reads map[digest.Digest]int
}

func (c *counter) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	c.mu.Lock()
	c.reads[desc.Digest]++
	c.mu.Unlock()
	return c.Fetcher.Fetch(ctx, desc)
}

func repeated(desc ocispecs.Descriptor, n int) (all []ocispecs.Descriptor) {
	for range n {
		all = append(all, desc)
	}
	return all
}

// both reads a tree with both functions. The error is the one that both return.
func both(t *testing.T, root ocispecs.Descriptor, blobs content.Fetcher) (tree.Tree, error) {
	t.Helper()
	got, err := tree.Read(t.Context(), root, blobs)
	_, problems, examined := tree.Examine(t.Context(), root, blobs)
	if len(problems) > 0 {
		examined = problems[0]
	}
	if (err == nil) != (examined == nil) || err != nil && err.Error() != examined.Error() {
		t.Fatalf("%v, and examined: %v", err, examined)
	}
	return got, err
}

func TestEachDigestIsReadOnce(t *testing.T) {
	s := newShelf(t)
	one := s.image("linux/amd64")
	inner := s.index(repeated(one, 10)...)
	root := s.index(append(repeated(inner, 10), repeated(s.attestation(one), 3)...)...)
	c := &counter{Fetcher: s, reads: map[digest.Digest]int{}}
	got, err := tree.Read(t.Context(), root, c)
	if err != nil || len(got.Images) != 100 || len(got.Images[0].Attestations) != 3 || got.Images[99].ConfigBody == nil {
		t.Fatalf("%d images, %v", len(got.Images), err)
	}
	if len(c.reads) != 5 {
		t.Errorf("%d digests were read", len(c.reads))
	}
	for d, n := range c.reads {
		if n != 1 {
			t.Errorf("%s was read %d times", d, n)
		}
	}
}

func TestIndexesInOneAnotherEndAtTheBound(t *testing.T) {
	s := newShelf(t)
	for name, root := range map[string]ocispecs.Descriptor{"of an image": s.image("linux/amd64"), "of nothing": s.index()} {
		for range 7 {
			root = s.index(repeated(root, 30)...)
		}
		if _, err := both(t, root, s); err == nil || !strings.Contains(err.Error(), "more than 1000 entries in all") {
			t.Errorf("30 wide, 7 deep, %s: %v", name, err)
		}
	}
	if _, err := both(t, s.index(repeated(s.image("linux/amd64"), 1000)...), s); err != nil {
		t.Error(err)
	}
	if _, err := both(t, s.index(repeated(s.image("linux/amd64"), 15_000)...), s); err == nil || !strings.Contains(err.Error(), "lists more than 1000") {
		t.Errorf("15,000 entries: %v", err)
	}
}

func TestDocumentsAreBoundedTogether(t *testing.T) {
	s := newShelf(t)
	var entries []ocispecs.Descriptor
	for i := range 9 {
		entries = append(entries, s.put(ocispecs.MediaTypeImageManifest, ocispecs.Manifest{
			Annotations: map[string]string{"n": fmt.Sprint(i), "large": strings.Repeat("x", 4<<20-400)},
		}))
	}
	if _, _, err := tree.Examine(t.Context(), s.index(entries...), s); err == nil || !strings.Contains(err.Error(), "more than 32 MiB in all") {
		t.Errorf("got %v", err)
	}
}

func TestALargeManifestThatIsNamedOftenTakesLittleMemory(t *testing.T) {
	s := newShelf(t)
	large := s.image("linux/amd64")
	full := s.put(ocispecs.MediaTypeImageManifest, map[string]any{"config": map[string]any{}, "layers": make([]struct{}, 1_390_000)})
	root := s.index(append(repeated(full, 24), large)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, problems, err := tree.Examine(t.Context(), root, s)
	runtime.ReadMemStats(&after)
	if err != nil || len(problems) != 24 || !strings.Contains(problems[0].Error(), "layers: it lists more than 1000") {
		t.Errorf("%d problems, %v", len(problems), err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 32<<20 {
		t.Errorf("it took %d bytes", took)
	}
}

func TestAnIndexThatIsAManifestAsWellIsNoTree(t *testing.T) {
	s := newShelf(t)
	image := s.image("linux/amd64")
	confused := map[string]any{"mediaType": ocispecs.MediaTypeImageIndex, "manifests": []any{image}, "layers": []any{image}, "config": image}
	for mediaType, want := range map[string]string{ocispecs.MediaTypeImageIndex: "not an index: ", ocispecs.MediaTypeImageManifest: "not an image manifest: "} {
		desc := s.put(mediaType, confused)
		desc.MediaType = mediaType
		for where, root := range map[string]ocispecs.Descriptor{"the root": desc, "an entry": s.index(image, desc)} {
			if _, err := both(t, root, s); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s as %s: %v", where, mediaType, err)
			}
		}
	}
}

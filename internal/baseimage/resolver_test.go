package baseimage

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// store counts how often its one document is read.
type store struct {
	data []byte
	read int
}

func (s *store) Fetch(context.Context, ocispecs.Descriptor) (io.ReadCloser, error) {
	s.read++
	return io.NopCloser(bytes.NewReader(s.data)), nil
}

func TestTheIndexOfABaseImageIsReadOnce(t *testing.T) {
	dir := t.TempDir()
	s := &store{data: []byte(`{"manifests":[{"platform":{"os":"linux","architecture":"arm64"}}]}`)}
	d := digest.FromBytes(s.data)
	look := func(reads int) {
		t.Helper()
		got := Resolver{Store: s, Cache: dir}.ImagePlatforms(t.Context(), "base", d)
		if len(got.Platforms) != 1 || got.Platforms[0].Architecture != "arm64" || s.read != reads {
			t.Errorf("got %v after %d readings", got, s.read)
		}
	}
	look(1)
	look(1)
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(files) != 1 {
		t.Fatalf("the cache has %q", files)
	}
	if err := os.WriteFile(files[0], []byte(`{"manifests":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	look(2)
	look(2)
}

func TestADocumentOfAnotherContentIsNotKept(t *testing.T) {
	s := &store{data: []byte("{}")}
	r := Resolver{Store: s, Cache: t.TempDir()}
	for range 2 {
		if got := r.ImagePlatforms(t.Context(), "base", digest.FromString("other")); got.Single || len(got.Platforms) > 0 {
			t.Errorf("got %v", got)
		}
	}
	if s.read != 2 {
		t.Errorf("it was read %d times", s.read)
	}
}

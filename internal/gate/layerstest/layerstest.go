// Package layerstest makes layers for tests, and a store for them.
package layerstest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// An Entry is an entry of a test's layer.
type Entry = tar.Header

// File returns the entry of a file with execute permission.
func File(name string) Entry { return Entry{Name: name, Typeflag: tar.TypeReg, Mode: 0o755} }

// Dir returns the entry of a folder.
func Dir(name string) Entry { return Entry{Name: name + "/", Typeflag: tar.TypeDir, Mode: 0o755} }

// Link returns the entry of a symlink.
func Link(name, to string) Entry {
	return Entry{Name: name, Typeflag: tar.TypeSymlink, Linkname: to, Mode: 0o777}
}

// Hardlink returns the entry of a hard link.
func Hardlink(name, to string) Entry { return Entry{Name: name, Typeflag: tar.TypeLink, Linkname: to} }

// Mode returns an entry with another mode.
func Mode(e Entry, mode int64) Entry { e.Mode = mode; return e }

// Script returns a script with a first line.
func Script(line string) []byte { return []byte(line + "\necho hello\n") }

// Tar makes a layer of entries, each followed by its content, a []byte, if it has one.
func Tar(t testing.TB, parts ...any) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i, part := range parts {
		e, ok := part.(Entry)
		if !ok {
			continue
		}
		var content []byte
		if i+1 < len(parts) {
			content, _ = parts[i+1].([]byte)
		}
		e.Size = int64(len(content))
		if err := w.WriteHeader(&e); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// Gzip compresses a layer.
func Gzip(t testing.TB, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// A Store has blobs, and counts the fetches of each.
type Store struct {
	mu    sync.Mutex
	Blobs map[digest.Digest][]byte
	Count map[digest.Digest]int
}

// NewStore returns an empty store.
func NewStore() *Store {
	return &Store{Blobs: map[digest.Digest][]byte{}, Count: map[digest.Digest]int{}}
}

// Put adds a layer.
func (s *Store) Put(b []byte) ocispecs.Descriptor {
	d := digest.FromBytes(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Blobs[d] = b
	return ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageLayerGzip, Digest: d, Size: int64(len(b))}
}

// Fetch opens a layer.
func (s *Store) Fetch(_ context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Count[desc.Digest]++
	b, ok := s.Blobs[desc.Digest]
	if !ok {
		return nil, errors.New("no such blob")
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

package layers_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
)

// inCache lists a layer with a new Lister over a folder, and reports whether it had to be read.
func inCache(t *testing.T, s *store, dir string, b []byte, size int64) (l *listing.Listing, read bool) {
	t.Helper()
	desc := s.Put(b)
	before := s.Count[desc.Digest]
	l, err := (&layers.Lister{Fetch: s.Fetch, Cache: dir, CacheBytes: size}).List(t.Context(), desc, false)
	if err != nil {
		t.Fatal(err)
	}
	return l, s.Count[desc.Digest] > before
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestAListingIsKept(t *testing.T) {
	s, dir := newStore(), filepath.Join(t.TempDir(), "is", "made")
	b := layerOf(t, file("usr/app"), program("arm64"), file("usr/apple"), program("arm64"), link("x", "usr/app"), file("d/.wh.x"), file("o/.wh..wh..opq"), file("s"), script("#!/bin/sh x"))
	first, read := inCache(t, s, dir, b, 0)
	if !read {
		t.Error("the first time nothing was read")
	}
	second, read := inCache(t, s, dir, b, 0)
	if read {
		t.Error("it was read again")
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
}

func TestADamagedListingIsReadAgain(t *testing.T) {
	b := layerOf(t, file("app"), program("arm64"))
	for name, damage := range map[string]func(old []byte) []byte{
		"cut off":         func(old []byte) []byte { return old[:len(old)-3] },
		"empty":           func([]byte) []byte { return nil },
		"one bit":         func(old []byte) []byte { old = bytes.Clone(old); old[len(old)-9] ^= 4; return old },
		"another version": func(old []byte) []byte { return bytes.Replace(old, []byte("listing 4"), []byte("listing 3"), 1) },
		"rubbish":         func([]byte) []byte { return bytes.Repeat([]byte("x"), 500) },
	} {
		s, dir := newStore(), t.TempDir()
		inCache(t, s, dir, b, 0)
		name0 := files(t, dir)[0]
		old, err := os.ReadFile(name0)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name0, damage(old), 0o600); err != nil {
			t.Fatal(err)
		}
		if l, read := inCache(t, s, dir, b, 0); !read || len(l.Entries) != 1 {
			t.Errorf("%s: %v, %+v", name, read, l)
		}
		if _, read := inCache(t, s, dir, b, 0); read {
			t.Errorf("%s: it was not mended", name)
		}
	}
}

func TestTheCacheLetsGoOfTheLeastRecentlyUsed(t *testing.T) {
	s, dir := newStore(), t.TempDir()
	var packed [][]byte
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		packed = append(packed, layerOf(t, file(name), program("arm64")))
	}
	inCache(t, s, dir, packed[0], 0)
	info, err := os.Stat(files(t, dir)[0])
	if err != nil {
		t.Fatal(err)
	}
	room := 4*info.Size() + 8
	old := files(t, dir)[0]
	if err := os.Chtimes(old, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	inCache(t, s, dir, packed[1], room)
	if err := os.Chtimes(filepath.Join(dir, "sha256-"+digest.FromBytes(packed[1]).Encoded()+".listing"), time.Time{}, time.Now().Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	inCache(t, s, dir, packed[0], room) // is used again
	stale := filepath.Join(dir, "new-1.listing")
	if err := os.WriteFile(stale, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(stale, time.Time{}, time.Now().Add(-3*time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, b := range packed[2:5] {
		inCache(t, s, dir, b, room)
	}
	if n := len(files(t, dir)); n != 4 {
		t.Errorf("%d files: %q", n, files(t, dir))
	}
	if _, read := inCache(t, s, dir, packed[0], room); read {
		t.Error("the one that was used again is gone")
	}
	if _, read := inCache(t, s, dir, packed[1], room); !read {
		t.Error("the least recently used is there")
	}
}

func TestAFolderThatTakesNothingDoesNoHarm(t *testing.T) {
	s, b := newStore(), layerOf(t, file("app"), program("arm64"))
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Join(blocked, "x"), blocked, "/dev/null/x"} {
		if l, read := inCache(t, s, dir, b, 0); !read || len(l.Entries) != 1 {
			t.Errorf("%s: %v", dir, read)
		}
	}
}

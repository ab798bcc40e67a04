//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/pkg/archive"
	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/exe/exetest"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
)

// mounted makes what the program sees of a layer, and returns the layer's stream.
func mounted(t *testing.T) (dir string, stream []byte) {
	t.Helper()
	dir = t.TempDir()
	write := func(name string, data []byte, mode os.FileMode) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, mode); err != nil {
			t.Fatal(err)
		}
	}
	write("lower/old", nil, 0o644)
	for i := range 3000 { // a folder that is read in several pieces
		write(fmt.Sprintf("upper/many/%04d", i), []byte("#!/bin/sh\n"), 0o755)
	}
	write("upper/app", append(exetest.Program("arm64", "/lib/ld.so"), make([]byte, 3<<20)...), 0o755)
	var b bytes.Buffer
	if err := archive.WriteDiff(t.Context(), &b, dir+"/lower", dir+"/upper"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir+"/changed", 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Apply(t.Context(), dir+"/changed", bytes.NewReader(b.Bytes())); err != nil {
		t.Fatal(err)
	}
	return dir, b.Bytes()
}

func TestALayerIsListedIfItIsTheLayer(t *testing.T) {
	t.Parallel()
	dir, stream := mounted(t)
	id := digest.FromBytes(stream).String()
	line, rest, _ := strings.Cut(string(list(dir, id)), "\n")
	if want := fmt.Sprintf("%s %d", id, len(stream)); line != want {
		t.Fatalf("got %q, want %q", line, want)
	}
	got, err := listing.Decode([]byte(rest))
	if err != nil {
		t.Fatal(err)
	}
	want, err := listing.Scan(t.Context(), bytes.NewReader(stream), listing.MaxCost)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if other := string(list(dir, digest.FromString("another").String())); other != line+"\n" {
		t.Errorf("of another layer it says %q", other[:min(len(other), 200)])
	}
}

func TestAnErrorIsALine(t *testing.T) {
	t.Parallel()
	if got := string(list(t.TempDir(), "sha256:")); !strings.HasPrefix(got, "error: open ") || strings.Count(got, "\n") != 1 {
		t.Errorf("got %q", got)
	}
}

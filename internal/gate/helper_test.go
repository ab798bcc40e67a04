package gate_test

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

	"github.com/docker-multiarch/docker-multiarch/internal/exe/exetest"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// An entry of a layer that a test makes.
type entry = tar.Header

func file(name string) entry { return entry{Name: name, Typeflag: tar.TypeReg, Mode: 0o755} }
func dir(name string) entry  { return entry{Name: name + "/", Typeflag: tar.TypeDir, Mode: 0o755} }
func link(name, to string) entry {
	return entry{Name: name, Typeflag: tar.TypeSymlink, Linkname: to, Mode: 0o777}
}

func hardlink(name, to string) entry { return entry{Name: name, Typeflag: tar.TypeLink, Linkname: to} }
func mode(e entry, mode int64) entry { e.Mode = mode; return e }
func macho() []byte                  { return exetest.MachO(0x0100000c) }
func program(arch string) []byte     { return exetest.Program(arch, "") }
func dynamic(arch, ld string) []byte { return exetest.Program(arch, ld) }
func script(line string) []byte      { return []byte(line + "\necho hello\n") }

// A tarball is a layer in the making.
type tarball struct {
	buf bytes.Buffer
	tar *tar.Writer
}

// layerOf makes a tar of entries, each with its content behind it: a []byte, or nothing.
func layerOf(t testing.TB, parts ...any) []byte {
	t.Helper()
	var b tarball
	b.tar = tar.NewWriter(&b.buf)
	for i, part := range parts {
		e, ok := part.(entry)
		if !ok {
			continue
		}
		var content []byte
		if i+1 < len(parts) {
			content, _ = parts[i+1].([]byte)
		}
		e.Size = int64(len(content))
		if err := b.tar.WriteHeader(&e); err != nil {
			t.Fatal(err)
		}
		if _, err := b.tar.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.tar.Close(); err != nil {
		t.Fatal(err)
	}
	return b.buf.Bytes()
}

func gzipped(t testing.TB, b []byte) []byte {
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

// A store has blobs, and counts how often each is asked for.
type store struct {
	mu    sync.Mutex
	blobs map[digest.Digest][]byte
	count map[digest.Digest]int
}

func newStore() *store {
	return &store{blobs: map[digest.Digest][]byte{}, count: map[digest.Digest]int{}}
}

func (s *store) put(b []byte) ocispecs.Descriptor {
	d := digest.FromBytes(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blobs[d] = b
	return ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageLayerGzip, Digest: d, Size: int64(len(b))}
}

func (s *store) fetch(_ context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count[desc.Digest]++
	b, ok := s.blobs[desc.Digest]
	if !ok {
		return nil, errors.New("no such blob")
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// file is where a cache keeps what a layer has.
func (s *store) file(b []byte) string { return "sha256-" + digest.FromBytes(b).Encoded() + ".listing" }

// An image that a test makes, lowest layer first.
type image struct {
	platform   string
	base       [][]byte
	added      [][]byte
	entrypoint []string
	cmd        []string
	dir        string
	env        []string
}

func (i image) in(t testing.TB, s *store) gate.Image {
	t.Helper()
	if i.platform == "" {
		i.platform = "linux/arm64"
	}
	ps, _, err := platform.Parse(i.platform)
	if err != nil {
		t.Fatal(err)
	}
	img := gate.Image{Platform: ps[0]}
	img.Config.Config = ocispecs.ImageConfig{Entrypoint: i.entrypoint, Cmd: i.cmd, WorkingDir: i.dir, Env: i.env}
	for _, b := range i.base {
		img.Layers = append(img.Layers, gate.Layer{Descriptor: s.put(b), Base: true})
	}
	for _, b := range i.added {
		img.Layers = append(img.Layers, gate.Layer{Descriptor: s.put(b), Step: "COPY app /app", Line: 7})
	}
	return img
}

// examine judges an image in a store of its own.
func (i image) examine(t testing.TB, opt gate.Options) gate.Result {
	t.Helper()
	s := newStore()
	result, err := gate.Examine(t.Context(), i.in(t, s), &gate.Lister{Fetch: s.fetch}, opt)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// said is what a result has, in short: the verdict, and each finding as its severity, check and path.
func said(r gate.Result) []string {
	texts := []string{string(r.Verdict)}
	for _, f := range r.Findings {
		texts = append(texts, string(f.Severity)+" "+f.Check+" "+f.Path)
	}
	return texts
}

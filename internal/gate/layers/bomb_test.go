package layers_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
)

// zeros never end, and count the bytes that were read.
type zeros struct {
	read int64
	told func(read int64)
}

func (z *zeros) Read(p []byte) (int, error) {
	clear(p)
	z.read += int64(len(p))
	z.told(z.read)
	return len(p), nil
}

// oneFile returns the header of a file, without its content.
func oneFile(t *testing.T, size int64) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := tar.NewWriter(&out).WriteHeader(&tar.Header{Name: "zeros", Size: size, Mode: 0o644, Format: tar.FormatGNU}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestReadingALayerEndsWithTheContextInTheMiddleOfAFile(t *testing.T) {
	const enough = 8 << 20
	for name, pack := range map[string]func(io.Reader) io.Reader{
		"as it is": func(r io.Reader) io.Reader { return r },
		"packed": func(r io.Reader) io.Reader {
			out, in := io.Pipe()
			go func() {
				w := gzip.NewWriter(in)
				_, err := io.Copy(w, r)
				in.CloseWithError(err)
			}()
			t.Cleanup(func() { _ = out.Close() })
			return out
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			desc := ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageLayer, Digest: "sha256:" + digestOfNothing, Size: 1 << 40}
			body := &zeros{told: func(read int64) {
				switch {
				case read > 64<<20:
					panic("it goes on")
				case read > enough:
					cancel()
				}
			}}
			l := &layers.Lister{Fetch: func(context.Context, ocispecs.Descriptor) (io.ReadCloser, error) {
				return io.NopCloser(pack(io.MultiReader(bytes.NewReader(oneFile(t, 1<<39)), body))), nil
			}}
			if _, err := l.List(ctx, desc, false); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
	}
}

const digestOfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestBombsShareOneLimit(t *testing.T) {
	s := newStore()
	bomb := func(note string, size int64) ocispecs.Descriptor {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		w.Comment = note // changes the digest
		_, err := w.Write(oneFile(t, size))
		if err == nil {
			_, err = io.Copy(w, io.LimitReader(&zeros{told: func(int64) {}}, size+1024))
		}
		if err = errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		return s.Put(out.Bytes())
	}
	l := &layers.Lister{Fetch: s.Fetch, Surplus: 12 << 20}
	small := bomb("small", 8<<20)
	if _, err := l.List(t.Context(), small, false); err != nil { // there is room for one
		t.Error(err)
	}
	for _, desc := range []ocispecs.Descriptor{bomb("one more", 8<<20), bomb("large", 32<<20)} {
		_, err := l.List(t.Context(), desc, false)
		if !errors.Is(err, layers.ErrUnknownLayer) || !strings.Contains(err.Error(), "more than 100 times its size") {
			t.Errorf("got %v", err)
		}
	}
	if _, err := l.List(t.Context(), s.Put(layerOf(t, file("app"), program("amd64"))), false); err != nil {
		t.Errorf("an ordinary layer after them: %v", err)
	}
}

package solve

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/moby/buildkit/util/contentutil"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// capture is a content store that takes the documents of an exported image into memory (index, manifests, configurations,
// attestations) and refuses its layers, saying that it has them: those are read from the builder when, and if, somebody wants them.
//
// BuildKit copies an image to its client blob by blob, and names each write by what the blob is ("layer-sha256:…": MakeRefKey in
// containerd's core/remotes/handlers.go).
type capture struct{ contentutil.Buffer }

func newCapture() capture { return capture{contentutil.NewBuffer()} }

// Writer implements content.Ingester.
func (c capture) Writer(ctx context.Context, opts ...content.WriterOpt) (content.Writer, error) {
	var o content.WriterOpts
	for _, opt := range opts {
		if err := opt(&o); err != nil {
			return nil, err
		}
	}
	if strings.HasPrefix(o.Ref, "layer-") {
		return nil, fmt.Errorf("%s: %w", o.Desc.Digest, errdefs.ErrAlreadyExists)
	}
	return c.Buffer.Writer(ctx, opts...)
}

// read is a document of this capture; errdefs.ErrNotFound if it is none.
func (c capture) read(ctx context.Context, d digest.Digest) ([]byte, error) {
	return content.ReadBlob(ctx, c, ocispecs.Descriptor{Digest: d})
}

// blobs are all that the finished images are made of: the documents from memory, the layers from the builder. It implements oras-go's
// content.Fetcher.
type blobs struct {
	documents []capture
	own       map[digest.Digest][]byte // what was made here
	layers    Blobs
}

// Fetch opens a blob. The caller closes it, and compares it with the descriptor.
func (b blobs) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	if data, ok := b.own[desc.Digest]; ok {
		return io.NopCloser(strings.NewReader(string(data))), nil
	}
	for _, c := range b.documents {
		if r, err := c.ReaderAt(ctx, desc); err == nil {
			return struct {
				io.Reader
				io.Closer
			}{io.NewSectionReader(r, 0, r.Size()), r}, nil
		}
	}
	return b.layers.Fetch(ctx, desc)
}

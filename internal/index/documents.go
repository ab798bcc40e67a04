package index

import (
	"bytes"
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

// Documents is a content store that takes the documents of an exported image into memory (index, manifests, configurations,
// attestations) and refuses its layers, saying that it has them: those are read from the builder when, and if, somebody wants them.
//
// BuildKit copies an image to its client blob by blob, and names each write by what the blob is ("layer-sha256:…": MakeRefKey in
// containerd's core/remotes/handlers.go).
type Documents struct{ contentutil.Buffer }

// NewDocuments makes an empty store.
func NewDocuments() *Documents { return &Documents{contentutil.NewBuffer()} }

// Writer implements content.Ingester.
func (d *Documents) Writer(ctx context.Context, opts ...content.WriterOpt) (content.Writer, error) {
	var o content.WriterOpts
	for _, opt := range opts {
		if err := opt(&o); err != nil {
			return nil, err
		}
	}
	if strings.HasPrefix(o.Ref, "layer-") {
		return nil, fmt.Errorf("%s: %w", o.Desc.Digest, errdefs.ErrAlreadyExists)
	}
	return d.Buffer.Writer(ctx, opts...)
}

// Fetch opens a document. It implements oras-go's content.Fetcher.
func (d *Documents) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	r, err := d.ReaderAt(ctx, desc)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(r, 0, r.Size()), r}, nil
}

// read is a document; errdefs.ErrNotFound if there is none.
func (d *Documents) read(ctx context.Context, of digest.Digest) ([]byte, error) {
	return content.ReadBlob(ctx, d, ocispecs.Descriptor{Digest: of})
}

// keep adds a document in the place of another one, and gives its descriptor.
func (d *Documents) keep(ctx context.Context, desc ocispecs.Descriptor, body []byte) (ocispecs.Descriptor, error) {
	desc.Digest, desc.Size, desc.Data = digest.FromBytes(body), int64(len(body)), nil
	return desc, content.WriteBlob(ctx, d.Buffer, "document-"+desc.Digest.String(), bytes.NewReader(body), desc)
}

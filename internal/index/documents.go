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

// Documents is a content store that keeps the documents of an exported image in memory (index, manifests, configurations, attestations). It
// reports layers as already present, so that BuildKit does not send them: they are read from the builder on demand.
//
// BuildKit copies an image to its client blob by blob, and names each write by the kind of blob ("layer-sha256:…": MakeRefKey in
// containerd's core/remotes/handlers.go).
type Documents struct{ contentutil.Buffer }

// NewDocuments returns an empty store.
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

// read returns a document; errdefs.ErrNotFound if there is none.
func (d *Documents) read(ctx context.Context, of digest.Digest) ([]byte, error) {
	return content.ReadBlob(ctx, d, ocispecs.Descriptor{Digest: of})
}

// keep adds a document in the place of another one, and returns its descriptor.
func (d *Documents) keep(ctx context.Context, desc ocispecs.Descriptor, body []byte) (ocispecs.Descriptor, error) {
	desc.Digest, desc.Size, desc.Data = digest.FromBytes(body), int64(len(body)), nil
	return desc, content.WriteBlob(ctx, d.Buffer, "document-"+desc.Digest.String(), bytes.NewReader(body), desc)
}

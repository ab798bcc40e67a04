package index

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	contentlocal "github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/errdefs"
	"github.com/moby/buildkit/util/contentutil"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Documents is a content store that keeps the documents of an exported image in memory (index, manifests, configurations, attestations). It
// reports layers as already present, so that BuildKit does not send them: they are read from the builder on demand. If it was made with a
// folder, it takes them instead, and keeps them there.
//
// BuildKit copies an image to its client blob by blob, and names each write by the kind of blob ("layer-sha256:…": MakeRefKey in
// containerd's core/remotes/handlers.go).
type Documents struct {
	contentutil.Buffer
	layers content.Store // nil if layers stay with the builder
}

// NewDocuments returns an empty store.
func NewDocuments() *Documents { return &Documents{Buffer: contentutil.NewBuffer()} }

// NewDocumentsWithLayers returns an empty store that keeps layers in a folder of its own. The caller removes the folder.
func NewDocumentsWithLayers(dir string) (*Documents, error) {
	layers, err := contentlocal.NewStore(dir)
	return &Documents{contentutil.NewBuffer(), layers}, err
}

// Writer implements content.Ingester.
func (d *Documents) Writer(ctx context.Context, opts ...content.WriterOpt) (content.Writer, error) {
	var o content.WriterOpts
	for _, opt := range opts {
		if err := opt(&o); err != nil {
			return nil, err
		}
	}
	switch layer := strings.HasPrefix(o.Ref, "layer-"); {
	case layer && d.layers == nil:
		return nil, fmt.Errorf("%s: %w", o.Desc.Digest, errdefs.ErrAlreadyExists)
	case layer:
		return d.layers.Writer(ctx, opts...)
	}
	return d.Buffer.Writer(ctx, opts...)
}

// ReaderAt implements content.Provider.
func (d *Documents) ReaderAt(ctx context.Context, desc ocispecs.Descriptor) (content.ReaderAt, error) {
	r, err := d.Buffer.ReaderAt(ctx, desc)
	if err != nil && d.layers != nil {
		return d.layers.ReaderAt(ctx, desc)
	}
	return r, err
}

// Fetch opens a document, or a layer that was taken. It implements oras-go's content.Fetcher.
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

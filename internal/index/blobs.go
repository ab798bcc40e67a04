package index

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
)

// Blobs is the content of an index: documents in memory, and the rest in the stores of its parts. It implements oras-go's content.Fetcher.
type Blobs struct {
	documents []content.Fetcher
	stores    map[digest.Digest]content.Fetcher
}

// BlobsOf returns the content of the parts, without an index.
func BlobsOf(parts []Part) *Blobs {
	b := &Blobs{stores: map[digest.Digest]content.Fetcher{}}
	for _, p := range parts {
		if p.Documents != nil {
			b.documents = append(b.documents, p.Documents)
		}
		if p.Store != nil {
			for _, stored := range p.Stored {
				b.stores[stored.Digest] = p.Store
			}
		}
	}
	return b
}

// Fetch opens a blob. The caller closes it, and compares it with the descriptor.
func (b *Blobs) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	for _, documents := range b.documents {
		if r, err := documents.Fetch(ctx, desc); err == nil {
			return r, nil
		}
	}
	if store, ok := b.stores[desc.Digest]; ok {
		return store.Fetch(ctx, desc)
	}
	return nil, notFound(desc)
}

// Bodies are documents in memory, by their digests. It implements oras-go's content.Fetcher.
type Bodies map[digest.Digest][]byte

// Fetch opens a document.
func (b Bodies) Fetch(_ context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	if body := b[desc.Digest]; body != nil {
		return io.NopCloser(bytes.NewReader(body)), nil
	}
	return nil, notFound(desc)
}

func notFound(desc ocispecs.Descriptor) error {
	return fmt.Errorf("%s: %w", desc.Digest, errdef.ErrNotFound)
}

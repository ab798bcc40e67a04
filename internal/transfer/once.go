package transfer

import (
	"context"
	"errors"
	"io"
	"sync"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
)

// Once reads blobs from their source until they are here as well. It implements oras-go's content.Fetcher, and is safe for concurrent use.
type Once struct {
	from content.Fetcher

	mu   sync.Mutex
	here []content.Fetcher
}

// NewOnce returns a reader of a source.
func NewOnce(from content.Fetcher) *Once { return &Once{from: from} }

// Arrived adds a place on this machine that has blobs of the source. It has to remain as long as the reader is used.
func (o *Once) Arrived(at content.Fetcher) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.here = append(o.here, at)
}

// Fetch opens a blob, here if it is here.
func (o *Once) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	o.mu.Lock()
	here := o.here
	o.mu.Unlock()
	for _, place := range here {
		if r, err := place.Fetch(ctx, desc); err == nil || !errors.Is(err, errdef.ErrNotFound) {
			return r, err
		}
	}
	return o.from.Fetch(ctx, desc)
}

package gate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Why a layer has no listing. Any other error is of reading it: the image could not be asked.
var (
	// ErrNotRead is a base layer that is larger than Lister.BaseLimit and in no cache.
	ErrNotRead = errors.New("the layer was not read")
	// ErrUnknownLayer is content that is no file system as far as is known here: another media type, encrypted.
	ErrUnknownLayer = errors.New("unknown kind of layer")
	// ErrBadLayer is a layer that cannot be unpacked, or is not what its descriptor says.
	ErrBadLayer = errors.New("bad layer")
)

// DefaultBaseLimit is the default of Lister.BaseLimit.
const DefaultBaseLimit = 64 << 20

const defaultAtOnce = 3

// A Lister reads layers, each once however many images have it. Its fields are set before its first use.
type Lister struct {
	// Fetch opens a layer; its content is checked here. It is called by several goroutines at once.
	Fetch func(context.Context, ocispecs.Descriptor) (io.ReadCloser, error)
	// Cache is a folder for listings; "" is none. It is made if it is missing, and nothing depends on it.
	Cache string
	// CacheBytes is what Cache may hold; 0 is 64 MiB.
	CacheBytes int64
	// BaseLimit is the size in bytes (as transferred) of the largest base layer that is read; 0 is DefaultBaseLimit, less than 0 no limit.
	BaseLimit int64
	// AtOnce is how many layers are read at the same time; 0 is 3.
	AtOnce int

	once    sync.Once
	reading chan struct{} // as many as are being read
	mu      sync.Mutex
	flights map[digest.Digest]*flight
}

// flight is a layer that is or was read.
type flight struct {
	done    chan struct{}
	listing *Listing
	err     error
	stopped bool // by the context of the one who read it
}

// List lists a layer. The errors above say why there is no listing.
func (l *Lister) List(ctx context.Context, layer Layer) (*Listing, error) {
	return l.list(ctx, layer, false)
}

func (l *Lister) list(ctx context.Context, layer Layer, whatever bool) (*Listing, error) {
	l.once.Do(func() {
		l.reading = make(chan struct{}, max(l.AtOnce, 0)+map[bool]int{true: defaultAtOnce}[l.AtOnce <= 0])
		l.flights = map[digest.Digest]*flight{}
	})
	desc := layer.Descriptor
	if !isLayer(desc.MediaType) {
		return nil, fmt.Errorf("%w: %s", ErrUnknownLayer, desc.MediaType)
	}
	if layer.Base && !whatever && l.tooLarge(desc) {
		return nil, ErrNotRead
	}
	for {
		l.mu.Lock()
		f, known := l.flights[desc.Digest]
		if !known {
			f = &flight{done: make(chan struct{})}
			l.flights[desc.Digest] = f
		}
		l.mu.Unlock()
		if !known {
			l.fly(ctx, f, desc)
		}
		select {
		case <-f.done:
			if f.stopped && ctx.Err() == nil {
				continue // another image's examination ended while it read for this one as well
			}
			return f.listing, f.err
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// fly reads a layer for all who wait for it. One that was stopped is forgotten: it says nothing about the layer.
func (l *Lister) fly(ctx context.Context, f *flight, desc ocispecs.Descriptor) {
	f.listing, f.err = l.read(ctx, desc)
	if f.stopped = f.err != nil && ctx.Err() != nil; f.stopped {
		l.mu.Lock()
		delete(l.flights, desc.Digest)
		l.mu.Unlock()
	}
	close(f.done)
}

func (l *Lister) tooLarge(desc ocispecs.Descriptor) bool {
	limit := l.BaseLimit
	if limit == 0 {
		limit = DefaultBaseLimit
	}
	return limit > 0 && desc.Size > limit
}

// read lists a layer from its content.
func (l *Lister) read(ctx context.Context, desc ocispecs.Descriptor) (*Listing, error) {
	select {
	case l.reading <- struct{}{}:
		defer func() { <-l.reading }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	rc, err := l.Fetch(ctx, desc)
	if err != nil {
		return nil, fmt.Errorf("layer %s: %w", desc.Digest, err)
	}
	defer rc.Close()
	listing, err := listStream(ctx, rc, desc)
	if err != nil {
		return nil, fmt.Errorf("layer %s: %w", desc.Digest, err)
	}
	return listing, nil
}

// listStream lists what a stream has, and sees that it is what the descriptor says.
func listStream(ctx context.Context, r io.Reader, desc ocispecs.Descriptor) (*Listing, error) {
	checked, err := newChecked(r, desc)
	if err != nil {
		return nil, err
	}
	listing, err := scanPacked(ctx, bufio.NewReaderSize(checked, readSize))
	if checked.err != nil {
		return nil, checked.err // what came of it does not matter
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if finish := checked.finish(); finish != nil {
		return nil, finish
	}
	switch {
	case errors.Is(err, ErrUnknownLayer):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: it cannot be unpacked: %w", ErrBadLayer, err)
	}
	return listing, nil
}

func scanPacked(ctx context.Context, r *bufio.Reader) (*Listing, error) {
	unpacked, closer, err := unpack(r)
	if err != nil {
		return nil, err
	}
	defer closer()
	return scan(ctx, unpacked)
}

// Package layers lists what an image's layers have. A [Lister] reads a layer as a stream: its size and digest are checked, its compression
// undone, and of each file the first bytes are looked at (package exe). What comes of it is a [Listing], which is small, shared by all
// images that have the layer, and kept in a folder by the layer's digest.
//
// Nothing is unpacked to disk. Listings are bounded one by one and together, as are lengths of paths, headers and how far into a file they
// are followed.
package layers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/ctxio"
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

// triesToRead is how often a layer is read if the line breaks in the middle of it.
const triesToRead = 3

// A Lister reads layers, each once however many images have it. Its fields are set before its first use.
type Lister struct {
	// Fetch opens a layer; its content is checked here. It is called by several goroutines at once.
	Fetch func(context.Context, ocispecs.Descriptor) (io.ReadCloser, error)
	// Near opens a layer that is at hand, and fails for others: a base layer is read from there whatever its size. nil: none is.
	Near func(context.Context, ocispecs.Descriptor) (io.ReadCloser, error)
	// Cache is a folder for listings; "" is none. It is made if it is missing, and nothing depends on it.
	Cache string
	// CacheBytes is what Cache may hold; 0 is 64 MiB.
	CacheBytes int64
	// BaseLimit is the size in bytes (as transferred) of the largest base layer that is fetched; 0 is DefaultBaseLimit, less than 0 no limit.
	BaseLimit int64
	// Surplus is how many bytes all layers together may unpack to beyond a hundred times their sizes; 0 is 8 GiB. Others are unknown layers.
	Surplus int64
	// AtOnce is how many layers are read at the same time; 0 is 3.
	AtOnce int

	once    sync.Once
	reading chan struct{} // as many as are being read
	cache   cache
	mu      sync.Mutex
	flights map[digest.Digest]*flight
	held    int // what all listings take
	surplus atomic.Int64
}

// flight is a layer that is or was read.
type flight struct {
	done    chan struct{}
	listing *Listing
	err     error
}

// maxHeld bounds what all listings of a Lister take, in the measure of maxListing.
const maxHeld = 4 * maxListing

func (l *Lister) init() {
	l.reading = make(chan struct{}, positive(l.AtOnce, defaultAtOnce))
	l.flights = map[digest.Digest]*flight{}
	l.surplus.Store(positive(l.Surplus, defaultSurplus))
	l.cache = newCache(l.Cache, positive(l.CacheBytes, defaultCacheBytes))
}

func positive[N int | int64](n, otherwise N) N {
	if n > 0 {
		return n
	}
	return otherwise
}

// List lists a layer. limited says that it is a base layer for which BaseLimit holds. The errors above say why there is no listing.
func (l *Lister) List(ctx context.Context, desc ocispecs.Descriptor, limited bool) (*Listing, error) {
	l.once.Do(l.init)
	if err := desc.Digest.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadLayer, err)
	}
	if !isLayer(desc.MediaType) {
		return nil, fmt.Errorf("%w: %s", ErrUnknownLayer, desc.MediaType)
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
			l.fly(ctx, f, desc, limited && l.tooLarge(desc))
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if ours := ctx.Err() != nil || !known; ours || IsVerdict(f.err) && !errors.Is(f.err, ErrNotRead) || f.err == nil {
			return f.listing, f.err
		}
		// It failed for another image, for a reason that need not hold for this one: it was cancelled, say.
	}
}

// fly reads a layer for all who want it. One that failed can be tried again.
func (l *Lister) fly(ctx context.Context, f *flight, desc ocispecs.Descriptor, onlyNear bool) {
	f.listing, f.err = l.cachedOrRead(ctx, desc, onlyNear)
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.listing != nil {
		if l.held += f.listing.cost(); l.held > maxHeld {
			f.listing, f.err = nil, fmt.Errorf("%w: the images have more files than are examined at once", ErrUnknownLayer)
		}
	}
	if f.err != nil && (!IsVerdict(f.err) || errors.Is(f.err, ErrNotRead)) {
		delete(l.flights, desc.Digest)
	}
	close(f.done)
}

func (l *Lister) cachedOrRead(ctx context.Context, desc ocispecs.Descriptor, onlyNear bool) (*Listing, error) {
	if listing := l.cache.get(desc.Digest); listing != nil {
		return listing, nil
	}
	open := l.Fetch
	if onlyNear {
		open = l.near
	}
	listing, err := l.read(ctx, desc, open)
	if err == nil {
		l.cache.put(desc.Digest, listing)
	}
	return listing, err
}

type fetch = func(context.Context, ocispecs.Descriptor) (io.ReadCloser, error)

// near opens what is at hand.
func (l *Lister) near(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	if l.Near == nil {
		return nil, ErrNotRead
	}
	rc, err := l.Near(ctx, desc)
	if err != nil {
		return nil, ErrNotRead
	}
	return rc, nil
}

func (l *Lister) tooLarge(desc ocispecs.Descriptor) bool {
	return l.BaseLimit >= 0 && desc.Size > positive(l.BaseLimit, DefaultBaseLimit)
}

// read lists a layer from its content.
func (l *Lister) read(ctx context.Context, desc ocispecs.Descriptor, open fetch) (*Listing, error) {
	select {
	case l.reading <- struct{}{}:
		defer func() { <-l.reading }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	for try := 1; ; try++ {
		rc, err := open(ctx, desc)
		if err != nil {
			return nil, fmt.Errorf("layer %s: %w", desc.Digest, err) // who opens has tried again, where that helps
		}
		listing, err := l.listStream(ctx, rc, desc)
		_ = rc.Close()
		switch {
		case err == nil:
			return listing, nil
		case IsVerdict(err) || ctx.Err() != nil || try == triesToRead:
			return nil, fmt.Errorf("layer %s: %w", desc.Digest, err)
		}
	}
}

// IsVerdict tells an error that says something about a layer from one that says something about the way to it.
func IsVerdict(err error) bool {
	return errors.Is(err, ErrBadLayer) || errors.Is(err, ErrUnknownLayer) || errors.Is(err, ErrNotRead)
}

// listStream lists what a stream has, and sees that it is what the descriptor says.
func (l *Lister) listStream(ctx context.Context, r io.Reader, desc ocispecs.Descriptor) (*Listing, error) {
	src := &source{r: ctxio.BetweenReads(ctx, r)} // also where the reader knows no context
	verified := content.NewVerifyReader(src, desc)
	listing, err := l.scanPacked(ctx, verified, func() int64 { return src.n })
	if src.err == nil { // else what came of it does not matter
		bad := verify(verified, src, desc)
		if src.err == nil && bad != nil {
			return nil, bad
		}
	}
	switch {
	case src.err != nil:
		return nil, src.err
	case errors.Is(err, ErrUnknownLayer):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: it cannot be unpacked: %w", ErrBadLayer, err)
	}
	return listing, nil
}

// verify reads what is left, which nobody needs but the digest.
func verify(r *content.VerifyReader, src *source, desc ocispecs.Descriptor) error {
	_, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{r}, make([]byte, 64<<10))
	if err == nil {
		err = r.Verify()
	}
	switch {
	case errors.Is(err, content.ErrTrailingData):
		return fmt.Errorf("%w: it is larger than the %d bytes that its descriptor says", ErrBadLayer, desc.Size)
	case src.n != desc.Size:
		return fmt.Errorf("%w: it has %d bytes, and its descriptor says %d", ErrBadLayer, src.n, desc.Size)
	case errors.Is(err, content.ErrMismatchedDigest):
		return fmt.Errorf("%w: its content has another digest", ErrBadLayer)
	}
	return err
}

func (l *Lister) scanPacked(ctx context.Context, packed io.Reader, read func() int64) (*Listing, error) {
	unpacked, closer, err := unpack(bufio.NewReaderSize(packed, readSize))
	if err != nil {
		return nil, err
	}
	defer closer()
	r := &bounded{r: ctxio.BetweenReads(ctx, unpacked), packed: read, surplus: &l.surplus}
	return scan(ctx, r, maxListing)
}

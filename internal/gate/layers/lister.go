// Package layers lists the files of an image's layers. A [Lister] reads a layer as a stream. It checks size and digest, undoes
// the compression, and reads the first bytes of each file (package exe). The resulting [listing.Listing] is small, shared by all images
// that have the layer, and cached in a folder by the layer's digest.
//
// Nothing is unpacked to disk. Listings are bounded one by one and together, as are the lengths of paths, headers, and how far
// into a file they are followed.
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
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
)

// These are the reasons for a layer without a listing. Any other error means that the layer could not be requested.
var (
	// ErrNotRead means a base layer that is larger than Lister.BaseLimit and not cached.
	ErrNotRead = errors.New("the layer was not read")
	// ErrUnknownLayer means content that is not a known kind of file system: another media type, or encrypted.
	ErrUnknownLayer = errors.New("unknown kind of layer")
	// ErrBadLayer means a layer that cannot be unpacked, or does not match its descriptor.
	ErrBadLayer = errors.New("bad layer")
)

// DefaultBaseLimit is the default of Lister.BaseLimit.
const DefaultBaseLimit = 64 << 20

const defaultAtOnce = 3

// triesToRead is the number of attempts to read a layer if the connection breaks.
const triesToRead = 3

// A Lister reads layers, each once however many images have it. Its fields are set before its first use.
type Lister struct {
	// Fetch opens a layer. The Lister checks the content. Fetch is called by several goroutines at once.
	Fetch func(context.Context, ocispecs.Descriptor) (io.ReadCloser, error)
	// FetchLocal opens a layer that is available locally, and fails for others. A base layer is read from there whatever its size. nil:
	// none is local.
	FetchLocal func(context.Context, ocispecs.Descriptor) (io.ReadCloser, error)
	// Cache is a folder for listings, created if it is missing. "" means none. A failure of the cache is not an error.
	Cache string
	// CacheBytes bounds the size of Cache. 0 is 64 MiB.
	CacheBytes int64
	// BaseLimit is the size in bytes (as transferred) of the largest base layer that is fetched. 0 is DefaultBaseLimit, and less
	// than 0 means no limit.
	BaseLimit int64
	// Surplus bounds the bytes that all layers together may unpack to beyond a hundred times their sizes. 0 is 8 GiB. Layers
	// beyond it count as unknown.
	Surplus int64
	// AtOnce is the number of layers that are read concurrently. 0 is 3.
	AtOnce int

	once    sync.Once
	reading chan struct{} // holds one value for each layer that is being read
	cache   cache
	mu      sync.Mutex
	flights map[digest.Digest]*flight
	held    int // the cost of all listings
	surplus atomic.Int64
}

// flight is a layer that is or was read.
type flight struct {
	done    chan struct{}
	listing *listing.Listing
	err     error
}

// maxHeld bounds the memory of all listings of a Lister, in the unit of listing.MaxCost.
const maxHeld = 4 * listing.MaxCost

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

// List lists a layer. limited means a base layer, to which BaseLimit applies. The errors above are the reasons for a missing
// listing.
func (l *Lister) List(ctx context.Context, desc ocispecs.Descriptor, limited bool) (*listing.Listing, error) {
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
		// The read failed for another image, for a reason that may not apply to this one, such as cancellation.
	}
}

// fly reads a layer for all waiting callers. A failed read can be repeated.
func (l *Lister) fly(ctx context.Context, f *flight, desc ocispecs.Descriptor, onlyLocal bool) {
	f.listing, f.err = l.cachedOrRead(ctx, desc, onlyLocal)
	l.land(f, desc.Digest)
}

// land ends a flight, whose outcome is set.
func (l *Lister) land(f *flight, layer digest.Digest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.listing != nil {
		if l.held += f.listing.Cost(); l.held > maxHeld {
			f.listing, f.err = nil, fmt.Errorf("%w: the images have more files than are examined at once", ErrUnknownLayer)
		}
	}
	if f.err != nil && (!IsVerdict(f.err) || errors.Is(f.err, ErrNotRead)) {
		delete(l.flights, layer)
	}
	close(f.done)
}

// Made is a listing that was made elsewhere, and the size in bytes of the layer's tar stream.
type Made struct {
	Listing  *listing.Listing
	Unpacked int64
}

// errNotMade means that no listing was made elsewhere: whoever wants the layer reads it.
var errNotMade = errors.New("no listing was made elsewhere")

// Fill has the listings of layers made elsewhere, those of them that are not known yet. list gets their digests, in order, and returns listings
// by digest. Layers that it returns no listing for are read when they are listed, as are those whose size List would have something to say
// about. Other calls for one of the layers wait meanwhile.
func (l *Lister) Fill(descs []ocispecs.Descriptor, list func([]digest.Digest) map[digest.Digest]Made) {
	l.once.Do(l.init)
	flights := map[digest.Digest]*flight{}
	var missing []digest.Digest
	for _, desc := range descs {
		f := l.board(desc)
		if f == nil {
			continue
		}
		if f.listing = l.cache.get(desc.Digest); f.listing != nil {
			l.land(f, desc.Digest)
			continue
		}
		flights[desc.Digest], missing = f, append(missing, desc.Digest)
	}
	if len(missing) == 0 {
		return
	}
	made := list(missing)
	for _, desc := range descs {
		f, m := flights[desc.Digest], made[desc.Digest]
		if f == nil {
			continue
		}
		delete(flights, desc.Digest)
		if m.Listing == nil || m.Unpacked > maxUnpacked || m.Unpacked > maxRatio*desc.Size {
			f.err = errNotMade
		} else {
			f.listing = m.Listing
			l.cache.put(desc.Digest, m.Listing)
		}
		l.land(f, desc.Digest)
	}
}

// board begins the flight of a layer. It returns nil if there is one already, or if List refuses the descriptor.
func (l *Lister) board(desc ocispecs.Descriptor) *flight {
	if desc.Digest.Validate() != nil || !isLayer(desc.MediaType) {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.flights[desc.Digest] != nil {
		return nil
	}
	f := &flight{done: make(chan struct{})}
	l.flights[desc.Digest] = f
	return f
}

func (l *Lister) cachedOrRead(ctx context.Context, desc ocispecs.Descriptor, onlyLocal bool) (*listing.Listing, error) {
	if listing := l.cache.get(desc.Digest); listing != nil {
		return listing, nil
	}
	open := l.Fetch
	if onlyLocal {
		open = l.fetchLocal
	}
	listing, err := l.read(ctx, desc, open)
	if err == nil {
		l.cache.put(desc.Digest, listing)
	}
	return listing, err
}

type fetch = func(context.Context, ocispecs.Descriptor) (io.ReadCloser, error)

// fetchLocal opens a local layer.
func (l *Lister) fetchLocal(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	if l.FetchLocal == nil {
		return nil, ErrNotRead
	}
	rc, err := l.FetchLocal(ctx, desc)
	if err != nil {
		return nil, ErrNotRead
	}
	return rc, nil
}

func (l *Lister) tooLarge(desc ocispecs.Descriptor) bool {
	return l.BaseLimit >= 0 && desc.Size > positive(l.BaseLimit, DefaultBaseLimit)
}

// read lists a layer from its content.
func (l *Lister) read(ctx context.Context, desc ocispecs.Descriptor, open fetch) (*listing.Listing, error) {
	select {
	case l.reading <- struct{}{}:
		defer func() { <-l.reading }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	for try := 1; ; try++ {
		rc, err := open(ctx, desc)
		if err != nil {
			return nil, fmt.Errorf("layer %s: %w", desc.Digest, err) // opening has its own retries
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

// IsVerdict reports whether an error is about the layer itself, and not about the access to it.
func IsVerdict(err error) bool {
	return errors.Is(err, ErrBadLayer) || errors.Is(err, ErrUnknownLayer) || errors.Is(err, ErrNotRead)
}

// listStream lists the content of a stream, and checks it against the descriptor.
func (l *Lister) listStream(ctx context.Context, r io.Reader, desc ocispecs.Descriptor) (*listing.Listing, error) {
	src := &source{r: ctxio.BetweenReads(ctx, r)} // for a reader that ignores the context
	verified := content.NewVerifyReader(src, desc)
	listing, err := l.scanPacked(ctx, verified, func() int64 { return src.n })
	if src.err == nil { // otherwise the outcome is irrelevant
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

// verify reads the remainder, which only the digest needs.
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

func (l *Lister) scanPacked(ctx context.Context, packed io.Reader, read func() int64) (*listing.Listing, error) {
	unpacked, closer, err := unpack(bufio.NewReaderSize(packed, readSize))
	if err != nil {
		return nil, err
	}
	defer closer()
	r := &bounded{r: ctxio.BetweenReads(ctx, unpacked), packed: read, surplus: &l.surplus}
	return listing.Scan(ctx, r, listing.MaxCost)
}

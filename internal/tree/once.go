package tree

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/document"
)

// errTooMuch means that the documents of an image are too large together.
var errTooMuch = fmt.Errorf("the documents of the image have more than %d MiB in all, the most that is read", document.MaxInAll>>20)

// documentCache holds the documents of one image. Each is read once, however often it is referred to.
type documentCache struct {
	blobs     content.Fetcher
	bytes     atomic.Int64
	indexes   onceMap[ocispecs.Index]
	manifests onceMap[ocispecs.Manifest]
	configs   onceMap[ocispecs.Image]
}

// onceMap holds the documents of one kind.
type onceMap[T any] struct {
	mu    sync.Mutex
	known map[documentKey]func() readResult[T]
}

// documentKey identifies a document. The same digest with another size is another document, which does not exist.
type documentKey struct {
	digest digest.Digest
	size   int64
}

// readResult is a document, or the error of reading it.
type readResult[T any] struct {
	body  []byte
	value T
	err   error
}

// get reads a document, or waits for a goroutine that is reading it.
func (s *onceMap[T]) get(desc ocispecs.Descriptor, read func() readResult[T]) readResult[T] {
	s.mu.Lock()
	if s.known == nil {
		s.known = map[documentKey]func() readResult[T]{}
	}
	name := documentKey{desc.Digest, desc.Size}
	once, ok := s.known[name]
	if !ok {
		once = sync.OnceValue(read)
		s.known[name] = once
	}
	s.mu.Unlock()
	return once()
}

// lookUp reads a document and parses it.
func lookUp[T any](ctx context.Context, d *documentCache, s *onceMap[T], desc ocispecs.Descriptor, parse func([]byte) (T, error)) readResult[T] {
	return s.get(desc, func() (p readResult[T]) {
		if p.body, p.err = d.fetch(ctx, desc); p.err == nil {
			p.value, p.err = parse(p.body)
		}
		if p.err != nil {
			p.body = nil
		}
		return p
	})
}

func (d *documentCache) index(ctx context.Context, desc ocispecs.Descriptor) readResult[ocispecs.Index] {
	return lookUp(ctx, d, &d.indexes, desc, document.Index)
}

func (d *documentCache) manifest(ctx context.Context, desc ocispecs.Descriptor) readResult[ocispecs.Manifest] {
	return lookUp(ctx, d, &d.manifests, desc, document.Manifest)
}

func (d *documentCache) config(ctx context.Context, desc ocispecs.Descriptor) readResult[ocispecs.Image] {
	return lookUp(ctx, d, &d.configs, desc, document.Config)
}

// fetch reads a document and checks it.
func (d *documentCache) fetch(ctx context.Context, desc ocispecs.Descriptor) (_ []byte, err error) {
	if err := desc.Digest.Validate(); err != nil {
		return nil, fmt.Errorf("digest %q: %w", desc.Digest, err)
	}
	if err := document.CheckSize(desc.Size); err != nil {
		return nil, err
	}
	if d.bytes.Add(desc.Size) > document.MaxInAll {
		return nil, errTooMuch
	}
	rc, err := d.blobs.Fetch(ctx, desc)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	return content.ReadAll(rc, desc)
}

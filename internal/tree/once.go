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

// desk holds the documents of one image. Each is read once, however often it is referred to.
type desk struct {
	blobs     content.Fetcher
	bytes     atomic.Int64
	indexes   shelf[ocispecs.Index]
	manifests shelf[ocispecs.Manifest]
	configs   shelf[ocispecs.Image]
}

// shelf holds the documents of one kind.
type shelf[T any] struct {
	mu    sync.Mutex
	known map[named]func() paper[T]
}

// named identifies a document. The same digest with another size is another document, which does not exist.
type named struct {
	digest digest.Digest
	size   int64
}

// paper is a document, or the error of reading it.
type paper[T any] struct {
	body  []byte
	value T
	err   error
}

// get reads a document, or waits for a goroutine that is reading it.
func (s *shelf[T]) get(desc ocispecs.Descriptor, read func() paper[T]) paper[T] {
	s.mu.Lock()
	if s.known == nil {
		s.known = map[named]func() paper[T]{}
	}
	name := named{desc.Digest, desc.Size}
	once, ok := s.known[name]
	if !ok {
		once = sync.OnceValue(read)
		s.known[name] = once
	}
	s.mu.Unlock()
	return once()
}

// lookUp reads a document and parses it.
func lookUp[T any](ctx context.Context, d *desk, s *shelf[T], desc ocispecs.Descriptor, parse func([]byte) (T, error)) paper[T] {
	return s.get(desc, func() (p paper[T]) {
		if p.body, p.err = d.fetch(ctx, desc); p.err == nil {
			p.value, p.err = parse(p.body)
		}
		if p.err != nil {
			p.body = nil
		}
		return p
	})
}

func (d *desk) index(ctx context.Context, desc ocispecs.Descriptor) paper[ocispecs.Index] {
	return lookUp(ctx, d, &d.indexes, desc, document.Index)
}

func (d *desk) manifest(ctx context.Context, desc ocispecs.Descriptor) paper[ocispecs.Manifest] {
	return lookUp(ctx, d, &d.manifests, desc, document.Manifest)
}

func (d *desk) config(ctx context.Context, desc ocispecs.Descriptor) paper[ocispecs.Image] {
	return lookUp(ctx, d, &d.configs, desc, document.Config)
}

// fetch reads a document and checks it.
func (d *desk) fetch(ctx context.Context, desc ocispecs.Descriptor) (_ []byte, err error) {
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

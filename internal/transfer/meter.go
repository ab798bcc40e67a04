package transfer

import (
	"context"
	"io"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
)

// Meter counts the bytes of some blobs as they are read. The zero value is ready; a nil Meter counts nothing. It is safe for concurrent use.
type Meter struct {
	mu          sync.Mutex
	expected    map[digest.Digest]bool
	done, total int64
}

// Expect adds blobs that are going to be read, each once.
func (m *Meter) Expect(blobs ...ocispecs.Descriptor) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.expected == nil {
		m.expected = map[digest.Digest]bool{}
	}
	for _, b := range blobs {
		if !m.expected[b.Digest] {
			m.expected[b.Digest] = true
			m.total += b.Size
		}
	}
}

// Bytes returns how many bytes were read, and how many are expected in all.
func (m *Meter) Bytes() (done, total int64) {
	if m == nil {
		return 0, 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.done, m.total
}

// Through returns a fetcher whose expected blobs are counted.
func (m *Meter) Through(from content.Fetcher) content.Fetcher {
	if m == nil {
		return from
	}
	return metered{m, from}
}

type metered struct {
	meter *Meter
	from  content.Fetcher
}

func (f metered) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	r, err := f.from.Fetch(ctx, desc)
	if err != nil || !f.meter.expects(desc.Digest) {
		return r, err
	}
	return &counted{ReadCloser: r, meter: f.meter}, nil
}

func (m *Meter) expects(d digest.Digest) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.expected[d]
}

type counted struct {
	io.ReadCloser
	meter *Meter
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.meter.mu.Lock()
	defer c.meter.mu.Unlock()
	c.meter.done += int64(n)
	return n, err
}

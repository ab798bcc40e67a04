package gate

import (
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// checked compares a stream with its descriptor while it is read.
type checked struct {
	r    io.Reader
	desc ocispecs.Descriptor
	hash hash.Hash
	n    int64
	err  error // of r, or a difference, other than the end
}

// newChecked takes a descriptor whose digest is valid.
func newChecked(r io.Reader, desc ocispecs.Descriptor) *checked {
	return &checked{r: r, desc: desc, hash: desc.Digest.Algorithm().Hash()}
}

func (c *checked) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.r.Read(p)
	c.hash.Write(p[:n])
	if c.n += int64(n); c.n > c.desc.Size {
		c.err = fmt.Errorf("%w: it is larger than the %d bytes that its descriptor says", ErrBadLayer, c.desc.Size)
		return 0, c.err
	}
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// finish reads what is left, which nobody needs but the digest.
func (c *checked) finish() error {
	if _, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{c}, make([]byte, 64<<10)); err != nil {
		return err
	}
	if c.n != c.desc.Size {
		return fmt.Errorf("%w: it has %d bytes, and its descriptor says %d", ErrBadLayer, c.n, c.desc.Size)
	}
	if got := digest.NewDigest(c.desc.Digest.Algorithm(), c.hash); got != c.desc.Digest {
		return fmt.Errorf("%w: its content has the digest %s", ErrBadLayer, got)
	}
	return nil
}

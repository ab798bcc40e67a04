package layers

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	// readSize is the size of a read: each read of a builder's content store is a remote call.
	readSize = 1 << 20
	// maxUnpacked is larger than any real layer.
	maxUnpacked = 256 << 30
	// A layer that unpacks to more than maxRatio times its size is a bomb, or has large files of zeros. defaultSurplus bounds the
	// bytes beyond that for all layers of a Lister together. It limits the time that bombs take to seconds.
	maxRatio       = 100
	defaultSurplus = 8 << 30
	maxWindow      = 128 << 20 // for zstd: the window of its highest level
)

// unpack undoes the compression. It recognises it by the first bytes, since media types may be wrong. closer frees its resources,
// and does not close r.
func unpack(r *bufio.Reader) (unpacked io.Reader, closer func(), err error) {
	magic, err := r.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	none := func() {}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, nil, err
		}
		return z, none, nil
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}), len(magic) >= 4 && magic[0]&0xf0 == 0x50 && bytes.Equal(magic[1:4], []byte{0x2a, 0x4d, 0x18}):
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	case bytes.HasPrefix(magic, []byte("BZh")):
		return bzip2.NewReader(r), none, nil
	case bytes.Equal(magic, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		return nil, nil, fmt.Errorf("%w: it is compressed by xz", ErrUnknownLayer)
	}
	return r, none, nil
}

// bounded ends a layer that unpacks to too much.
type bounded struct {
	r       io.Reader
	packed  func() int64  // compressed bytes that were read so far
	surplus *atomic.Int64 // bytes beyond maxRatio that are left for all layers
	n, over int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.n += int64(n); b.n > maxUnpacked {
		return n, fmt.Errorf("%w: it unpacks to more than %d GiB", ErrUnknownLayer, maxUnpacked>>30)
	}
	if more := b.n - maxRatio*b.packed() - b.over; more > 0 {
		b.over += more
		if b.surplus.Add(-more) < 0 {
			return n, fmt.Errorf("%w: it unpacks to more than %d times its size, and there is no time for so much", ErrUnknownLayer, maxRatio)
		}
	}
	return n, err
}

// source counts the bytes that are read of a layer, and keeps the error.
type source struct {
	r   io.Reader
	n   int64 // bytes that were read
	err error // other than the end
}

func (s *source) Read(p []byte) (n int, err error) {
	n, err = s.r.Read(p)
	s.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// isLayer reports whether a media type is that of a root file system's layer. Encrypted layers cannot be read and do not count.
func isLayer(mediaType string) bool {
	base, _, _ := strings.Cut(mediaType, ";")
	switch {
	case strings.Contains(base, "encrypted"):
		return false
	case strings.HasPrefix(base, "application/vnd.oci.image.layer."), strings.HasPrefix(base, "application/vnd.docker.image.rootfs."):
		return strings.Contains(base, ".tar")
	}
	return false
}

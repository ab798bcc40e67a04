package layout

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"

	"github.com/docker-multiarch/docker-multiarch/internal/ctxio"
)

// checksAtOnce bounds the blobs that one Check reads at the same time.
const checksAtOnce = 4

// Fetch opens a blob; it may be used by several goroutines. The error for a missing blob wraps errdef.ErrNotFound; a blob of
// another size, or one that is not a regular file, is refused. The reader checks the digest: the archive only records whether it
// was right.
func (a *Archive) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	name, err := nameOfBlob(desc)
	if err != nil {
		return nil, err
	}
	rc, size, err := a.files.open(name)
	if err != nil {
		return nil, missing(desc, err)
	}
	if size != desc.Size {
		return nil, errors.Join(fmt.Errorf("%s has %d bytes, and its descriptor says %d", desc.Digest, size, desc.Size), rc.Close())
	}
	return &blob{Closer: rc, content: ctxio.BetweenReads(ctx, rc), desc: desc, hash: desc.Digest.Algorithm().Hash(), archive: a}, nil
}

// Stat returns the size of a blob in bytes, whatever its descriptor says. Its errors are those of Fetch.
func (a *Archive) Stat(_ context.Context, desc ocispecs.Descriptor) (int64, error) {
	name, err := nameOfBlob(desc)
	if err != nil {
		return 0, err
	}
	size, err := a.files.size(name)
	if err != nil {
		return 0, missing(desc, err)
	}
	return size, nil
}

// Check verifies that blobs exist and match their digests. A blob that was read to its end through Fetch, and matched, is not
// read again.
func (a *Archive) Check(ctx context.Context, blobs ...ocispecs.Descriptor) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(checksAtOnce)
	for _, desc := range blobs {
		group.Go(func() error { return a.check(groupCtx, desc) })
	}
	err := group.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (a *Archive) check(ctx context.Context, desc ocispecs.Descriptor) (err error) {
	if a.isRight(desc) {
		return nil
	}
	rc, err := a.Fetch(ctx, desc)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	if _, err := io.Copy(io.Discard, rc); err != nil {
		return fmt.Errorf("read %s: %w", desc.Digest, err)
	}
	if !a.isRight(desc) {
		return fmt.Errorf("the content of %s does not match its digest: %w", desc.Digest, content.ErrMismatchedDigest)
	}
	return nil
}

func nameOfBlob(desc ocispecs.Descriptor) (string, error) {
	if err := desc.Digest.Validate(); err != nil {
		return "", fmt.Errorf("%q: %w", desc.Digest, err)
	}
	return blobPath(desc.Digest), nil
}

func missing(desc ocispecs.Descriptor, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", desc.Digest, errdef.ErrNotFound)
	}
	return err
}

// known is a blob with its size.
type known struct {
	digest digest.Digest
	size   int64
}

func (a *Archive) isRight(desc ocispecs.Descriptor) bool {
	_, ok := a.right.Load(known{desc.Digest, desc.Size})
	return ok
}

// blob is a blob that is being read. Reading ends with the context.
type blob struct {
	io.Closer
	content io.Reader
	desc    ocispecs.Descriptor
	hash    hash.Hash
	read    int64
	archive *Archive
}

func (b *blob) Read(p []byte) (int, error) {
	n, err := b.content.Read(p)
	b.hash.Write(p[:n])
	if b.read += int64(n); (n > 0 || b.desc.Size == 0) && b.read == b.desc.Size && digest.NewDigest(b.desc.Digest.Algorithm(), b.hash) == b.desc.Digest {
		b.archive.right.Store(known{b.desc.Digest, b.desc.Size}, true)
	}
	return n, err
}

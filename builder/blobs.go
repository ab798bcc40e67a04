package builder

import (
	"context"
	"errors"
	"fmt"
	"io"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/moby/buildkit/client"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Blobs reads the content store of a builder's BuildKit, which BuildKit serves on the connection that
// builds use (control/control.go of BuildKit). A layer is kept as long as the build cache keeps the
// step that made it.
type Blobs struct{ api contentapi.ContentClient }

// NewBlobs returns a reader on the connection, which the caller still owns.
func NewBlobs(c *client.Client) Blobs { return Blobs{c.ContentClient()} }

// buildkitNamespace is the containerd namespace in which BuildKit keeps everything.
const buildkitNamespace = "buildkit"

// Fetch opens a blob as one stream from start to end. The caller closes it. The error for a missing
// blob is containerd's errdefs.ErrNotFound. The bytes are not compared with the digest.
func (b Blobs) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	return b.fetchFrom(ctx, desc, 0)
}

// fetchFrom is Fetch for the bytes from an offset on.
func (b Blobs) fetchFrom(ctx context.Context, desc ocispecs.Descriptor, offset int64) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(namespaces.WithNamespace(ctx, buildkitNamespace))
	stream, err := b.api.Read(ctx, &contentapi.ReadContentRequest{Digest: desc.Digest.String(), Offset: offset})
	if err != nil {
		cancel()
		return nil, blobError(desc, err)
	}
	r := &blobReader{stream: stream, cancel: cancel, desc: desc}
	if err := r.next(); err != nil && !errors.Is(err, io.EOF) { // the first message reports a missing blob
		cancel()
		return nil, err
	}
	return r, nil
}

// blobError leaves a broken connection the code by which callers recognize it.
func blobError(desc ocispecs.Descriptor, err error) error {
	if status.Code(err) != codes.Unavailable {
		err = errgrpc.ToNative(err)
	}
	return fmt.Errorf("read %s from the builder: %w", desc.Digest, err)
}

// blobReader reads a stream of messages as a stream of bytes.
type blobReader struct {
	stream contentapi.Content_ReadClient
	cancel context.CancelFunc
	desc   ocispecs.Descriptor
	buf    []byte
	end    error
}

func (r *blobReader) next() error {
	msg, err := r.stream.Recv()
	switch {
	case errors.Is(err, io.EOF):
		r.end = io.EOF
	case err != nil:
		r.end = blobError(r.desc, err)
	default:
		r.buf = msg.Data
	}
	return r.end
}

// Read implements io.Reader.
func (r *blobReader) Read(p []byte) (int, error) {
	for len(r.buf) == 0 {
		if r.end != nil {
			return 0, r.end
		}
		_ = r.next() // kept in end
	}
	n := copy(p, r.buf)
	r.buf = r.buf[n:]
	return n, nil
}

// Close implements io.Closer.
func (r *blobReader) Close() error {
	r.cancel()
	return nil
}

package builder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Resumed reads a node's content store as [Blobs] does, but goes on where a broken connection has left a
// blob: no byte that has arrived is sent again. It is for large results, which are read when no solve
// depends on the connection any more.
type Resumed struct {
	blobs Blobs
	node  *Node
	pause time.Duration // between two attempts
}

// A BuildKit that is started again needs some seconds.
const (
	resumeTries = 8
	resumePause = time.Second
)

// Resumed returns a reader of the node's store. It must not be used after the node was closed.
func (n *Node) Resumed() *Resumed { return &Resumed{NewBlobs(n.Client), n, resumePause} }

// Fetch opens a blob; see [Blobs.Fetch].
func (r *Resumed) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	reader := &resumedReader{ctx: ctx, from: r, desc: desc}
	if r.node.Return != nil {
		reader.daemon = r.node.Return.ID()
	}
	if err := reader.open(); err != nil {
		return nil, err
	}
	return reader, nil
}

// resumedReader reads one blob.
type resumedReader struct {
	ctx    context.Context //nolint:containedctx // of Fetch: it ends the reading
	from   *Resumed
	daemon string // the ID of the BuildKit that has the blob, if the node may return
	desc   ocispecs.Descriptor
	stream io.ReadCloser
	offset int64
}

// open opens the blob where its reader is.
func (r *resumedReader) open() error {
	err := r.try()
	if err != nil && isBroken(err) {
		err = r.resume(err)
	}
	return err
}

func (r *resumedReader) try() (err error) {
	r.stream, err = r.from.blobs.fetchFrom(r.ctx, r.desc, r.offset)
	return err
}

// resume opens the blob where the connection broke: the node's client connects again by itself, unless the network is gone, which is waited
// for. If that does not succeed, the error is the first one.
func (r *resumedReader) resume(broken error) error {
	back := r.from.node.Return
	for range resumeTries {
		if back != nil && back.Away() {
			if err := back.Return(r.ctx); err != nil {
				return fmt.Errorf("%w; %w", broken, err)
			}
		}
		if back != nil && back.ID() != r.daemon {
			return fmt.Errorf("%w; it answers again, but its cache is lost", broken)
		}
		if err := r.try(); err == nil || !isBroken(err) {
			return err
		}
		select {
		case <-time.After(r.from.pause):
		case <-r.ctx.Done():
			return context.Cause(r.ctx)
		}
	}
	return broken
}

func isBroken(err error) bool { return status.Code(err) == codes.Unavailable }

// Read implements io.Reader.
func (r *resumedReader) Read(p []byte) (int, error) {
	n, err := r.stream.Read(p)
	r.offset += int64(n)
	if err == nil || errors.Is(err, io.EOF) || !isBroken(err) || r.ctx.Err() != nil {
		return n, err
	}
	_ = r.stream.Close() // it is broken
	if err = r.resume(err); err != nil {
		r.stream = broken{err}
	}
	return n, err
}

// broken is a stream that has failed for good.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }
func (b broken) Close() error             { return nil }

// Close implements io.Closer.
func (r *resumedReader) Close() error { return r.stream.Close() }

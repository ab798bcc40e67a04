package builder

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/docker-multiarch/docker-multiarch/builder/link"
)

// Resumed reads a node's content store as [Blobs] does, but goes on where a broken connection has left a
// blob: no byte that has arrived is sent again. It is for large results, which are read when no solve
// depends on the connection any more.
type Resumed struct {
	node  *Node
	pause time.Duration // before the first attempt to connect again; it doubles
	// limit is how long a reader waits for a network, and refused for a BuildKit on a machine that answers.
	limit, refused time.Duration

	mu    sync.Mutex
	now   Blobs
	again *link.Link // nil: the node's own connection is in use
}

// The times of a Resumed. A network that is gone for a minute is waited for; a BuildKit that is started again needs some seconds.
const (
	resumePause   = 100 * time.Millisecond
	resumeLongest = 2 * time.Second
	resumeLimit   = 90 * time.Second
	resumeRefused = 6 * time.Second
)

// Resumed returns a reader of the node's store. It must not be used after the node was closed.
func (n *Node) Resumed() *Resumed {
	r := &Resumed{node: n, pause: resumePause, limit: resumeLimit, refused: resumeRefused, now: NewBlobs(n.Client)}
	n.resumed = append(n.resumed, r)
	return r
}

// Fetch opens a blob; see [Blobs.Fetch].
func (r *Resumed) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	reader := &resumedReader{ctx: ctx, from: r, desc: desc}
	if err := reader.open(); err != nil {
		return nil, err
	}
	return reader, nil
}

// close ends the connection that was made again.
func (r *Resumed) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.again == nil {
		return nil
	}
	return r.again.Close()
}

func (r *Resumed) current() Blobs {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

// reconnect replaces a connection that a reader has found broken, unless another reader has done so.
func (r *Resumed) reconnect(ctx context.Context, broken Blobs) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now != broken {
		return nil
	}
	again, err := r.node.Again(ctx)
	if err != nil {
		return err
	}
	if r.again != nil {
		_ = r.again.Close() // it is broken
	}
	r.again, r.now = again, NewBlobs(again.Client)
	return nil
}

// resumedReader reads one blob.
type resumedReader struct {
	ctx    context.Context //nolint:containedctx // of Fetch: it ends the reading
	from   *Resumed
	desc   ocispecs.Descriptor
	used   Blobs
	stream io.ReadCloser
	offset int64
}

// open opens the blob where its reader is.
func (r *resumedReader) open() error {
	r.used = r.from.current()
	err := r.try()
	if err != nil && isBroken(err) {
		err = r.resume(err)
	}
	return err
}

func (r *resumedReader) try() (err error) {
	r.stream, err = r.used.fetchFrom(r.ctx, r.desc, r.offset)
	return err
}

// resume connects again and opens the blob where the connection broke. If that does not succeed in time,
// the error is the first one.
func (r *resumedReader) resume(broken error) error {
	if r.from.node.Again == nil {
		return broken
	}
	var refused time.Duration
	pause := r.from.pause
	for end := time.Now().Add(r.from.limit); time.Now().Before(end) && refused < r.from.refused; pause = min(2*pause, resumeLongest) {
		select {
		case <-time.After(pause):
		case <-r.ctx.Done():
			return context.Cause(r.ctx)
		}
		began := time.Now()
		if err := r.from.reconnect(r.ctx, r.used); err != nil {
			if refused += pause; isAway(err, time.Since(began)) {
				refused = 0
			}
			continue
		}
		r.used = r.from.current()
		if err := r.try(); err == nil || !isBroken(err) {
			return err
		}
	}
	return broken
}

// isAway reports whether the network is the reason why a connection was not made: nothing answered, or the system or ssh says that there is no
// way. Otherwise the machine answers, and BuildKit does not run there.
func isAway(err error, took time.Duration) bool {
	text := strings.ToLower(err.Error())
	return took > time.Second || slices.ContainsFunc([]string{"unreachable", "no route to host", "no such host", "could not resolve"}, func(words string) bool {
		return strings.Contains(text, words)
	})
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

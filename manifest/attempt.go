package manifest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// maxManifest is the size in bytes up to which answers are read at once; registries accept manifests of up to 4 MiB
// (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests).
const maxManifest = 4 << 20

// attempt sends a request once, and reads the answer's body up to maxManifest bytes. The registry must finish within the policy's
// silence, counted again whenever it takes a part of the request's body; once it has all of a large body it gets longer (see
// [Retry.commit]). The rest of a body longer than maxManifest is left to the reader, and the silence is counted again with each
// read.
func (t *retryTransport) attempt(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	limit := newSilence(t.policy.Silence, cancel)
	defer limit.stop()
	try := req.Clone(ctx)
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			cancel(nil)
			return nil, err
		}
		try.Body = body
	}
	if try.Body != nil && try.Body != http.NoBody {
		try.Body = &monitoredBody{ReadCloser: try.Body, left: req.ContentLength, heard: func(left int64) {
			if left == 0 {
				limit.allow(t.policy.commit(req.ContentLength))
				return
			}
			limit.allow(t.policy.Silence)
		}}
	}
	resp, err := t.base.RoundTrip(try)
	if err == nil {
		if err = readAhead(ctx, resp, limit, func() { cancel(nil) }); err == nil {
			return resp, nil
		}
	}
	// The cause is more specific than "context canceled": our own timer's, or the caller's reason.
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	cancel(nil)
	return nil, err
}

// monitoredBody is a body whose reading shows that the other side receives. heard gets the number of bytes left, which is negative if
// unknown.
type monitoredBody struct {
	io.ReadCloser
	left  int64
	heard func(left int64)
}

func (a *monitoredBody) Read(p []byte) (int, error) {
	if a.left != 0 {
		a.heard(a.left)
	}
	n, err := a.ReadCloser.Read(p)
	if a.left > 0 {
		if a.left = max(0, a.left-int64(n)); a.left == 0 {
			a.heard(0)
		}
	}
	return n, err
}

// readAhead reads a body up to maxManifest bytes; done is called when the connection is no longer needed.
func readAhead(ctx context.Context, resp *http.Response, limit *silence, done func()) error {
	body := resp.Body
	head, err := io.ReadAll(io.LimitReader(body, maxManifest+1))
	if err != nil {
		return errors.Join(err, body.Close())
	}
	if len(head) > maxManifest {
		tail := &watched{body: body, limit: limit, cause: func() error { return context.Cause(ctx) }}
		resp.Body = &rest{Reader: io.MultiReader(bytes.NewReader(head), tail), body: body, done: done}
		return nil
	}
	if err := body.Close(); err != nil {
		return err
	}
	done()
	resp.Body = io.NopCloser(bytes.NewReader(head))
	if resp.Request == nil || resp.Request.Method != http.MethodHead {
		resp.ContentLength = int64(len(head))
	}
	return nil
}

// rest is the remainder of a body too long to be read ahead.
type rest struct {
	io.Reader
	body io.Closer
	done func()
}

func (r *rest) Close() error {
	defer r.done()
	return r.body.Close()
}

// discard closes an answer that will not be read; it was read ahead, so nothing is lost.
func discard(resp *http.Response) {
	if resp != nil {
		resp.Body.Close() //nolint:gosec // nothing depends on it
	}
}

// repeatable reports whether a request may be sent again.
func repeatable(req *http.Request) bool {
	if isOnce(req.Context()) {
		return false
	}
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

type onceKey struct{}

// once returns a context whose requests are sent once, whatever the answer is.
func once(ctx context.Context) context.Context { return context.WithValue(ctx, onceKey{}, true) }

func isOnce(ctx context.Context) bool { return ctx.Value(onceKey{}) != nil }

// wsaConnReset is Windows' number for a connection that was reset; Go gives it no portable name.
const wsaConnReset = syscall.Errno(10054)

// isTransient reports whether an error is that of a broken connection, for which a new connection may succeed.
func isTransient(err error) bool {
	// net.ErrClosed: the transport has closed the connection while the body was still being sent.
	return errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errSilent) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, wsaConnReset)
}

// isDial reports whether an error is that of a connection that could not be made.
func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// failedHosts holds the hosts that did not answer a request although it was repeated for as long as the policy allows. For the same
// time again, other requests get the same error at once instead of waiting as long each: an index may have hundreds of images.
type failedHosts struct {
	mu    sync.Mutex
	hosts map[string]*hostState
}

// hostState is the state of a host.
type hostState struct {
	answered time.Time // when it last gave a final answer
	until    time.Time // when it may be asked again
	why      error
}

func (u *failedHosts) host(name string) *hostState {
	if u.hosts == nil {
		u.hosts = map[string]*hostState{}
	}
	if u.hosts[name] == nil {
		u.hosts[name] = &hostState{}
	}
	return u.hosts[name]
}

// refuse returns why a host is not asked now, or nil.
func (u *failedHosts) refuse(name string, now time.Time) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if h := u.host(name); now.Before(h.until) {
		return h.why
	}
	return nil
}

// answers records a final answer, whatever it is.
func (u *failedHosts) answers(name string, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	h := u.host(name)
	h.answered, h.until = now, time.Time{}
}

// giveUp records that a request, which was first sent at start, was given up, so that others need not try for so long. A host
// that has answered other requests meanwhile is able: it cannot serve only that one.
func (u *failedHosts) giveUp(name string, start, now time.Time, pause time.Duration, why error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if h := u.host(name); !h.answered.After(start) {
		h.until, h.why = now.Add(pause), why
	}
}

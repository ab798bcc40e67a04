package faultregistry

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Exclusive refuses a blob while the same blob is being uploaded, as Sonatype Nexus does.
func Exclusive(next http.Handler) http.Handler {
	var uploads sync.Map // digests
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		digest := req.URL.Query().Get("digest")
		if req.Method != http.MethodPut || digest == "" || !strings.Contains(req.URL.Path, "/blobs/uploads/") {
			next.ServeHTTP(w, req)
			return
		}
		if _, busy := uploads.LoadOrStore(digest, true); busy {
			refuse(w, http.StatusBadRequest, "BLOB_UPLOAD_INVALID", "the blob is being uploaded")
			return
		}
		defer uploads.Delete(digest)
		next.ServeHTTP(w, req)
	})
}

// Line is the line to a registry. All uploads share its bandwidth, and it counts requests and the bytes of their bodies.
type Line struct {
	Next http.Handler
	Rate int64 // bytes per second; 0 is no limit

	mu              sync.Mutex
	requests, bytes int64
	free            time.Time // the end of the transfer of the bytes so far
}

// Traffic returns the number of requests and of the bytes of their bodies since the last call.
func (l *Line) Traffic() (requests, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	requests, bytes, l.requests, l.bytes = l.requests, l.bytes, 0, 0
	return requests, bytes
}

// ServeHTTP counts a request, and passes it on with a body that arrives at the line's rate.
func (l *Line) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	l.mu.Lock()
	l.requests++
	l.mu.Unlock()
	req.Body = &limitedBody{ReadCloser: req.Body, line: l, req: req}
	l.Next.ServeHTTP(w, req)
}

// carry counts n bytes, and returns the time until the line has carried them.
func (l *Line) carry(n int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bytes += int64(n)
	if l.Rate == 0 {
		return 0
	}
	now := time.Now()
	if l.free.Before(now) {
		l.free = now
	}
	l.free = l.free.Add(time.Duration(n) * time.Second / time.Duration(l.Rate))
	return l.free.Sub(now)
}

type limitedBody struct {
	io.ReadCloser
	line *Line
	req  *http.Request
}

func (b *limitedBody) Read(p []byte) (int, error) {
	const slice = 256 << 10 // bytes; several uploads take turns
	n, err := b.ReadCloser.Read(p[:min(len(p), slice)])
	if wait := b.line.carry(n); wait > 0 {
		select {
		case <-time.After(wait):
		case <-b.req.Context().Done():
			return n, b.req.Context().Err()
		}
	}
	return n, err
}

package faultkit

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// fault is a kind of failure. Its functions act; those that it lacks do nothing.
type fault struct {
	name   string
	answer faultregistry.Action           // of the registry
	wire   func(*http.Request) error      // of the network
	build  func() error                   // of the builder
	local  error                          // of the client's own machine
	engine http.HandlerFunc               // the engine's answer
	once   func(*world)                   // at the beginning
	only   func(method, path string) bool // the requests that it acts on; nil: all
	at     []phase                        // the phases at which it begins; nil: all
	mends  bool                           // a request that is repeated later succeeds
	sends  bool                           // BuildKit repeats such a request, within seven seconds
	limit  time.Duration                  // how long the client waits, if not two minutes
	passes bool                           // nothing fails
	alike  bool                           // the client treats it as another one
	silent bool                           // the client waits for its own limit
}

// meets reports whether the fault may act on a request, or on an event without one.
func (f fault) meets(one request) bool {
	switch {
	case f.answer != nil || f.wire != nil:
		return one.method != "" && (f.only == nil || f.only(one.method, one.path))
	case f.build != nil:
		return one.method == "" && one.from == byBuilder
	case f.engine != nil:
		return one.from == byEngine
	}
	return f.local != nil && one.from == byWriter
}

// extent is how long a fault lasts.
type extent struct {
	name  string
	count int
	lasts time.Duration
}

var extents = []extent{{"once", 1, 0}, {"three times", 3, 0}, {"for 80 s", 0, 80 * time.Second}, {"for ever", 0, 0}}

func (e extent) over(r *run) bool {
	return e.count > 0 && r.hits >= e.count || e.lasts > 0 && time.Since(r.began) > e.lasts
}

func (e extent) ever() bool { return e.count == 0 && e.lasts == 0 }

var onEngine = []phase{testPhase, prepare}

var onTags = []phase{look, firstTag, laterTag, shown}

func answers(status int) fault {
	return fault{
		name: fmt.Sprintf("%d", status), answer: faultregistry.Answer(status, "", ""), mends: true, sends: status >= 500, alike: status != 503 && status != 429,
	}
}

var faults = []fault{
	answers(500), answers(502), answers(503), answers(504), answers(429), answers(408),
	{name: "429, Retry-After: 10", alike: true, answer: faultregistry.RetryAfter(429, "10"), mends: true},
	{name: "503, Retry-After: a date", answer: func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		faultregistry.RetryAfter(503, time.Now().Add(10*time.Second).UTC().Format(http.TimeFormat))(w, req, next)
	}, mends: true, sends: true, alike: true},
	{name: "429, Retry-After: 600", alike: true, answer: faultregistry.RetryAfter(429, "600")},
	{name: "connection refused", wire: func(*http.Request) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}, mends: true},
	{name: "name look-up fails", alike: true, wire: func(*http.Request) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}}
	}, mends: true},
	{name: "TLS broken off", alike: true, wire: func(*http.Request) error { return io.EOF }, mends: true, sends: true},
	{name: "connection reset", wire: func(*http.Request) error { return reset }, mends: true, sends: true},
	{name: "reset in the middle of a request's body", answer: func(_ http.ResponseWriter, req *http.Request, _ http.Handler) {
		_, _ = io.CopyN(io.Discard, req.Body, req.ContentLength/2)
		panic(http.ErrAbortHandler)
	}, mends: true, sends: true, only: faultregistry.On("PUT", "")},
	{name: "reset in the middle of an answer", answer: faultregistry.ResetBody(3), mends: true, sends: true},
	{name: "lost answer to a write that was taken", answer: faultregistry.ResetAfter, mends: true, sends: true, only: faultregistry.On("PUT", "")},
	{name: "hang before the last byte", answer: func(_ http.ResponseWriter, req *http.Request, _ http.Handler) {
		_, _ = io.CopyN(io.Discard, req.Body, req.ContentLength/2)
		<-req.Context().Done()
	}, mends: true, silent: true},
	{name: "hang after the last byte", answer: func(_ http.ResponseWriter, req *http.Request, next http.Handler) {
		next.ServeHTTP(broken{}, req)
		<-req.Context().Done()
	}, mends: true, silent: true},
	{name: "trickle", answer: func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		if manifest.Sleep(req.Context(), 3*time.Second) == nil {
			next.ServeHTTP(w, req)
		}
	}, passes: true},
	{name: "token expired", once: func(w *world) { w.tokens.Expire() }, passes: true},
	{name: "login revoked", once: func(w *world) { w.tokens.Revoke(); w.revoked.Store(true) }},
	{name: "401 at the tag only", answer: faultregistry.Answer(401, "UNAUTHORIZED", "authentication required"), only: faultregistry.TagPut, at: onTags},
	{name: "403 at the tag only", alike: true, answer: faultregistry.Answer(403, "DENIED", "requested access to the resource is denied"), only: faultregistry.TagPut, at: onTags},
	{name: "immutable tag", answer: faultregistry.Answer(400, "TAG_INVALID", "the repository is immutable"), only: faultregistry.TagPut, at: onTags},
	{name: "tag read back late", answer: faultregistry.Hide, only: faultregistry.TagRead, at: []phase{firstTag, laterTag, shown}, mends: true, limit: time.Minute},
	{name: "dropped write that was answered 201", answer: faultregistry.Drop, only: isManifestPut},
	{name: "no space on the builder", build: func() error {
		return errors.New("failed to solve: write /var/lib/buildkit/runc-overlayfs/content/ingest/1/data: no space left on device")
	}},
	{name: "buildkitd killed", build: func() error { return status.Error(codes.Unavailable, "error reading from server: EOF") }},
	{name: "step killed for lack of memory", build: func() error {
		return errors.New("failed to solve: process \"/bin/sh -c make\" did not complete successfully: exit code: 137: cannot allocate memory")
	}, at: []phase{steps}},
	{name: "no space on the client", local: fmt.Errorf("write /dev/stdout: %w", syscall.ENOSPC), at: []phase{prepare, report}},
	{name: "no space on the engine", engine: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"message":"write /var/lib/docker/tmp/1: no space left on device"}`)
	}, at: onEngine},
	{name: "engine killed", engine: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, at: onEngine},
	{name: "Ctrl-C", once: interrupt(os.Interrupt)},
	{name: "SIGTERM", alike: true, once: interrupt(syscall.SIGTERM)},
	{name: "clock an hour ahead", once: func(w *world) { w.run.jump = time.Hour }, passes: true},
	{name: "clock an hour back", once: func(w *world) { w.run.jump = -time.Hour }, passes: true},
}

var reset = &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}

func interrupt(s os.Signal) func(*world) {
	return func(w *world) {
		w.run.interrupted = true
		w.run.cancel(cli.Interrupted{Signal: s})
	}
}

func isManifestPut(method, path string) bool {
	return faultregistry.On("PUT", "/manifests/")(method, path)
}

// broken is the end of an answer that nothing reads.
type broken struct{}

func (broken) Header() http.Header         { return http.Header{} }
func (broken) Write(p []byte) (int, error) { return len(p), nil }
func (broken) WriteHeader(int)             {}

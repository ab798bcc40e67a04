package faultregistry

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
)

// Fault is a failure of some requests.
type Fault struct {
	Match Matcher // nil: every request
	Skip  int     // let this many matching requests pass first
	Times int     // then apply to this many; 0: to all
	Do    Action
}

// Action answers a request; next is the registry behind.
type Action func(w http.ResponseWriter, req *http.Request, next http.Handler)

// Request is a request that a Registry has received, and the status of the answer; 0 if there was none.
type Request struct {
	Method, Path string
	Status       int
	Header       http.Header // of the request
}

// String returns "METHOD /path status".
func (r Request) String() string { return fmt.Sprintf("%s %s %d", r.Method, r.Path, r.Status) }

// Registry applies faults to requests for the handler behind it, and logs them.
type Registry struct {
	next http.Handler

	mu       sync.Mutex
	faults   []*fault
	requests []*Request
}

type fault struct {
	Fault
	seen int
}

// New puts a Registry without faults in front of a handler.
func New(next http.Handler) *Registry { return &Registry{next: next} }

// Upstream returns a handler that passes requests on to another registry, such as http://127.0.0.1:5000.
func Upstream(base *url.URL) http.Handler {
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(base)
		r.Out.Host = r.In.Host // so that the registry's Location headers come back here
		if r.In.TLS != nil {
			r.Out.Header.Set("X-Forwarded-Proto", "https")
		}
	}}
}

// Add adds a fault. Faults that were added first match first.
func (r *Registry) Add(f Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, &fault{Fault: f})
}

// Clear removes all faults.
func (r *Registry) Clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = nil
}

// Requests returns the requests so far, in the order of their arrival.
func (r *Registry) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	requests := make([]Request, len(r.requests))
	for i, one := range r.requests {
		requests[i] = *one
	}
	return requests
}

// Methods counts the requests by their methods.
func (r *Registry) Methods() map[string]int {
	n := map[string]int{}
	for _, req := range r.Requests() {
		n[req.Method]++
	}
	return n
}

// Matching returns the requests so far that match, as text; see [Request.String].
func (r *Registry) Matching(match Matcher) []string {
	var lines []string
	for _, one := range r.Requests() {
		if match(one.Method, one.Path) {
			lines = append(lines, one.String())
		}
	}
	return lines
}

// Forget empties the log.
func (r *Registry) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = nil
}

// ServeHTTP logs the request and answers it.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	entry, action := r.arrive(req)
	logged := &statusWriter{ResponseWriter: w, note: func(status int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		entry.Status = status
	}}
	if action == nil {
		r.next.ServeHTTP(logged, req)
		return
	}
	action(logged, req, r.next)
}

func (r *Registry) arrive(req *http.Request) (*Request, Action) {
	r.mu.Lock()
	defer r.mu.Unlock()
	entry := &Request{Method: req.Method, Path: req.URL.Path, Header: req.Header.Clone()}
	r.requests = append(r.requests, entry)
	i := slices.IndexFunc(r.faults, func(f *fault) bool { return f.takes(req) })
	if i < 0 {
		return entry, nil
	}
	return entry, r.faults[i].Do
}

// takes counts a matching request, and reports whether the fault applies to it.
func (f *fault) takes(req *http.Request) bool {
	if f.Match != nil && !f.Match(req.Method, req.URL.Path) {
		return false
	}
	f.seen++
	return f.seen > f.Skip && (f.Times == 0 || f.seen <= f.Skip+f.Times)
}

// statusWriter records the status before the first byte is sent, so that a client that has its answer finds it in the log.
type statusWriter struct {
	http.ResponseWriter
	note func(int)
	done bool
}

func (w *statusWriter) WriteHeader(status int) {
	if !w.done && status >= http.StatusOK {
		w.done = true
		w.note(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if !w.done {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

package faultregistry

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// These are the logins that the quirks of logging in accept.
const (
	User          = "ann"
	Password      = "secret"
	IdentityToken = "long-lived"
)

// Quirk is a way in which registries differ from the specification, or use a freedom that it gives. docker and BuildKit work with all
// of them.
type Quirk struct {
	Name  string // letters, digits and hyphens
	Group string // the quirks of a group exclude one another
	Means string // the registry's behaviour, in one sentence
	apply func(q *Quirky, w http.ResponseWriter, req *http.Request, next http.Handler)
}

// Quirky is a registry with quirks. Those of a request are those of Names, those of its header "Quirks" (separated by commas), and
// those of its repository, if that begins with "quirks": "quirks.put-200.no-digest/app" has two.
type Quirky struct {
	Next  http.Handler // the registry behind
	Names []string     // quirks of every request
	// Elsewhere is the scheme and host of Storage, for the quirks that send a client there.
	Elsewhere string
	// Now is the clock of the quirks with dates; nil: time.Now.
	Now func() time.Time

	mu     sync.Mutex
	busy   map[string]bool // requests that were sent away once
	leaked []string        // requests with a login to Storage
}

// ServeHTTP answers a request with its quirks. An unknown quirk is answered with 400.
func (q *Quirky) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	handler := q.Next
	for _, name := range slices.Backward(q.names(req)) {
		i := slices.IndexFunc(Quirks, func(k Quirk) bool { return k.Name == name })
		if i < 0 {
			refuse(w, http.StatusBadRequest, "UNSUPPORTED", "no quirk has the name "+name)
			return
		}
		next := handler
		handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { Quirks[i].apply(q, w, req, next) })
	}
	handler.ServeHTTP(w, req)
}

// names returns the quirks of a request, in the order of Quirks: the first is the outermost, as a proxy would be.
func (q *Quirky) names(req *http.Request) []string {
	names := slices.Clone(q.Names)
	for _, name := range strings.Split(req.Header.Get("Quirks"), ",") {
		names = append(names, strings.TrimSpace(name))
	}
	if name, ok := strings.CutPrefix(req.URL.Path, tokenPath); ok {
		names = append(names, name)
	}
	for _, part := range strings.Split(req.URL.Path, "/") {
		if list, ok := strings.CutPrefix(part, "quirks."); ok {
			names = append(names, strings.Split(list, ".")...)
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	slices.SortStableFunc(names, func(a, b string) int { return order(a) - order(b) })
	return slices.Compact(names)
}

func order(name string) int {
	return slices.IndexFunc(Quirks, func(k Quirk) bool { return k.Name == name })
}

// Storage returns the other server to which some quirks send a client: for blobs that are read or written. It refuses a login, as
// storage with signed addresses does, and refuses HEAD, which such a signature does not cover.
func (q *Quirky) Storage() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.Header.Get("Authorization") != "":
			q.mu.Lock()
			q.leaked = append(q.leaked, req.Method+" "+req.URL.Path)
			q.mu.Unlock()
			refuse(w, http.StatusBadRequest, "", "")
		case req.Method == http.MethodHead:
			refuse(w, http.StatusForbidden, "", "")
		default:
			q.Next.ServeHTTP(w, req)
		}
	})
}

// Leaked returns the requests that brought a login to Storage.
func (q *Quirky) Leaked() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.leaked)
}

func (q *Quirky) now() time.Time {
	if q.Now != nil {
		return q.Now()
	}
	return time.Now()
}

// first reports whether a request has not come before.
func (q *Quirky) first(req *http.Request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	key := req.Method + " " + req.URL.String()
	if q.busy[key] {
		return false
	}
	put(&q.busy, key, true)
	return true
}

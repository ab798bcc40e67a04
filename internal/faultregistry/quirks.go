package faultregistry

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Quirks are all quirks. The order is that in which they see a request.
var Quirks = slices.Concat(waits, logins, []Quirk{
	{"ping-404", "ping", "It answers 404 below /v2/ itself.", func(_ *Quirky, w http.ResponseWriter, req *http.Request, next http.Handler) {
		if req.URL.Path == "/v2/" {
			refuse(w, http.StatusNotFound, "", "")
			return
		}
		next.ServeHTTP(w, req)
	}},
	refusing("no-head-403", "head", "It refuses HEAD with 403.", http.MethodHead, "", 403),
	refusing("no-head-405", "head", "It refuses HEAD with 405.", http.MethodHead, "", 405),
	refusing("no-head-501", "head", "It refuses HEAD with 501.", http.MethodHead, "", 501),
	refusing("no-patch", "patch", "It refuses uploads in parts.", http.MethodPatch, "", 405),
	refusing("no-referrers", "referrers", "It has no list of referrers.", "", "/referrers/", 404),

	typed("type-json", "application/json"), typed("type-html", "text/html; charset=utf-8"), typed("type-none", ""),
	typed("type-octets", "application/octet-stream"),
	typed("type-one", "application/vnd.oci.image.manifest.v1+json;charset=UTF-8"),
	changing("type-charset", "type", "It adds a charset to the media type.", http.MethodGet, "/manifests/", func(h http.Header, _ *int) {
		h.Set("Content-Type", h.Get("Content-Type")+"; charset=utf-8")
	}),
	changing("no-digest", "digest", "It sends no Docker-Content-Digest.", "", "", func(h http.Header, _ *int) { h.Del("Docker-Content-Digest") }),
	changing("no-length", "length", "It sends manifests without Content-Length.", "", "/manifests/", func(h http.Header, _ *int) { h.Del("Content-Length") }),
	changing("head-empty", "length", "It answers HEAD with a length of 0.", http.MethodHead, "/manifests/", func(h http.Header, _ *int) {
		h.Set("Content-Length", "0")
	}),

	status("put-200", "put", http.MethodPut, 200), status("put-202", "put", http.MethodPut, 202), status("put-204", "put", http.MethodPut, 204),
	status("post-200", "post", http.MethodPost, 200), status("post-201", "post", http.MethodPost, 201), status("post-204", "post", http.MethodPost, 204),

	{"location-absolute", "location", "It names its own host in an upload's location.", located(func(_ *Quirky, req *http.Request, at string) string {
		return schemeOf(req) + "://" + req.Host + at
	})},
	{"location-query", "location", "An upload's location has a query that must stay as it is.", locationQuery},
	{"location-prefix", "location", "An upload's location is below another path.", locationPrefix},
	{"uploads-elsewhere", "location", "Uploads go to another server.", located(func(q *Quirky, _ *http.Request, at string) string { return q.Elsewhere + at })},

	{"blobs-elsewhere", "blobs", "Blobs are read from another server, to which it redirects.", redirected(307, elsewhere)},
	{"blobs-found", "blobs", "Blobs are read from another server, to which it redirects with 302.", redirected(302, elsewhere)},
	{"blobs-here", "blobs", "Blobs are read from another path of its own.", redirected(307, func(*Quirky) string { return "" })},

	mounting("mount-202", 202), mounting("mount-403", 403), mounting("mount-404", 404), mounting("mount-405", 405), mounting("mount-500", 500),

	{"ranges-ignored", "ranges", "It sends the whole of a blob for a part.", func(_ *Quirky, w http.ResponseWriter, req *http.Request, next http.Handler) {
		req = req.Clone(req.Context())
		req.Header.Del("Range")
		next.ServeHTTP(w, req)
	}},
	ranged("ranges-400", 400), ranged("ranges-416", 416), ranged("ranges-501", 501),
})

const uploadsPath = "/blobs/uploads/"

// waits are the quirks of a registry that lets its clients wait.
var waits = []Quirk{
	{"wait-seconds", "wait", "It sends each reader away once, with Retry-After in seconds.", waiting(func(*Quirky) string { return "1" })},
	{"wait-date", "wait", "It sends each reader away once, with Retry-After as a date.", waiting(func(q *Quirky) string {
		return q.now().Add(2 * time.Second).UTC().Format(http.TimeFormat)
	})},
}

func waiting(until func(*Quirky) string) func(*Quirky, http.ResponseWriter, *http.Request, http.Handler) {
	return func(q *Quirky, w http.ResponseWriter, req *http.Request, next http.Handler) {
		if isRead(req.Method) && req.URL.Path != "/v2/" && q.first(req) {
			RetryAfter(http.StatusTooManyRequests, until(q))(w, req, next)
			return
		}
		next.ServeHTTP(w, req)
	}
}

// refusing refuses a method (empty: any) below a part of the path.
func refusing(name, group, means, method, part string, status int) Quirk {
	return Quirk{name, group, means, func(_ *Quirky, w http.ResponseWriter, req *http.Request, next http.Handler) {
		if On(method, part)(req.Method, req.URL.Path) {
			refuse(w, status, "UNSUPPORTED", "the operation is unsupported")
			return
		}
		next.ServeHTTP(w, req)
	}}
}

// changing changes the successful answers to a method (empty: GET and HEAD) below a part of the path.
func changing(name, group, means, method, part string, change func(h http.Header, status *int)) Quirk {
	return Quirk{name, group, means, func(_ *Quirky, w http.ResponseWriter, req *http.Request, next http.Handler) {
		if !strings.Contains(req.URL.Path, part) || method == "" && !isRead(req.Method) || method != "" && req.Method != method {
			next.ServeHTTP(w, req)
			return
		}
		answer := record(req, next)
		status := answer.Code
		if status/100 == 2 {
			change(answer.Header(), &status)
		}
		copyHeader(w, answer)
		w.WriteHeader(status)
		if status != http.StatusNoContent {
			w.Write(answer.Body.Bytes()) //nolint:errcheck,gosec // the client may be gone
		}
	}}
}

func typed(name, mediaType string) Quirk {
	return changing(name, "type", "It reads manifests out as "+strconv.Quote(mediaType)+".", "", "/manifests/", func(h http.Header, _ *int) {
		h["Content-Type"] = []string{mediaType}
		if mediaType == "" {
			h["Content-Type"] = nil // and net/http adds none
		}
	})
}

func status(name, group, method string, status int) Quirk {
	return changing(name, group, "It answers "+method+" with "+strconv.Itoa(status)+".", method, "", func(_ http.Header, got *int) {
		if method == http.MethodPut || *got == http.StatusAccepted { // an upload, and not a mount
			*got = status
		}
	})
}

// located changes the location of an upload.
func located(change func(q *Quirky, req *http.Request, at string) string) func(*Quirky, http.ResponseWriter, *http.Request, http.Handler) {
	return func(q *Quirky, w http.ResponseWriter, req *http.Request, next http.Handler) {
		changing("", "", "", http.MethodPost, uploadsPath, func(h http.Header, _ *int) {
			if at, err := url.Parse(h.Get("Location")); err == nil && at.Path != "" && (at.Host == "" || at.Host == req.Host) {
				h.Set("Location", change(q, req, at.RequestURI()))
			}
		}).apply(q, w, req, next)
	}
}

const locationsQuery = "_state=a+b/c==&x=%2f"

func locationQuery(q *Quirky, w http.ResponseWriter, req *http.Request, next http.Handler) {
	if req.Method == http.MethodPut && strings.Contains(req.URL.Path, uploadsPath) && !strings.Contains(req.URL.RawQuery, locationsQuery) {
		refuse(w, http.StatusBadRequest, "BLOB_UPLOAD_INVALID", "the query is not the one that was given")
		return
	}
	located(func(_ *Quirky, _ *http.Request, at string) string {
		if strings.Contains(at, "?") {
			return at + "&" + locationsQuery
		}
		return at + "?" + locationsQuery
	})(q, w, req, next)
}

const prefix = "/behind/a/prefix"

func locationPrefix(q *Quirky, w http.ResponseWriter, req *http.Request, next http.Handler) {
	if path, ok := strings.CutPrefix(req.URL.Path, prefix); ok {
		req = req.Clone(req.Context())
		req.URL.Path, req.URL.RawPath = path, ""
	}
	located(func(_ *Quirky, _ *http.Request, at string) string { return prefix + at })(q, w, req, next)
}

func elsewhere(q *Quirky) string { return q.Elsewhere }

// redirected sends the readers of blobs to another server, or to a path of its own.
func redirected(status int, server func(*Quirky) string) func(*Quirky, http.ResponseWriter, *http.Request, http.Handler) {
	return func(q *Quirky, w http.ResponseWriter, req *http.Request, next http.Handler) {
		to := server(q)
		if !isRead(req.Method) || !strings.Contains(req.URL.Path, "/blobs/sha256:") || to == "" && req.URL.Query().Has("here") {
			next.ServeHTTP(w, req)
			return
		}
		w.Header().Set("Location", to+req.URL.Path+"?here")
		w.WriteHeader(status)
	}
}

// mounting answers a request to mount a blob: 202 begins an upload instead.
func mounting(name string, status int) Quirk {
	means := "It answers a mount with " + strconv.Itoa(status) + "."
	return Quirk{name, "mount", means, func(_ *Quirky, w http.ResponseWriter, req *http.Request, next http.Handler) {
		if !req.URL.Query().Has("mount") {
			next.ServeHTTP(w, req)
			return
		}
		if status != http.StatusAccepted {
			refuse(w, status, "DENIED", "no mounts")
			return
		}
		req = req.Clone(req.Context())
		req.URL.RawQuery = ""
		next.ServeHTTP(w, req)
	}}
}

func ranged(name string, status int) Quirk {
	means := "It refuses ranges with " + strconv.Itoa(status) + "."
	return Quirk{name, "ranges", means, func(_ *Quirky, w http.ResponseWriter, req *http.Request, next http.Handler) {
		if req.Header.Get("Range") != "" {
			refuse(w, status, "UNSUPPORTED", "no ranges")
			return
		}
		next.ServeHTTP(w, req)
	}}
}

package registryhttp

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// UploadURL returns where an upload goes on that a registry has begun. registry is the registry's scheme and host. The location may
// be relative, below another path, or at another server.
//
// A registry behind a TLS proxy that does not know of it sends its own name with http: then the registry's scheme stays. The caller
// checks any other scheme with [IsLower].
func UploadURL(begun *http.Response, registry *url.URL) (*url.URL, error) {
	location, err := begun.Location()
	if err != nil {
		return nil, fmt.Errorf("the registry does not say where the upload goes on: %w", err)
	}
	if registry.Scheme == "https" && location.Scheme == "http" && strings.EqualFold(location.Hostname(), registry.Hostname()) &&
		(location.Port() == "" || location.Port() == "80" || location.Port() == registry.Port()) {
		location.Scheme, location.Host = registry.Scheme, registry.Host
	}
	return location, nil
}

// UploadedUpTo returns the position of the last byte of an upload that a registry has received, from the answer to a question for its
// status. ok is false if the registry does not say it, or has at most one byte: registries say 0-0 of an upload without any.
func UploadedUpTo(header http.Header) (last int64, ok bool) {
	first, end, _ := strings.Cut(strings.TrimPrefix(header.Get("Range"), "bytes="), "-")
	last, err := strconv.ParseInt(end, 10, 64)
	return last, err == nil && first == "0" && last > 0
}

// IsLower reports whether a URL is not encrypted although the one that led to it is.
func IsLower(from, to *url.URL) bool { return from.Scheme == "https" && to.Scheme != "https" }

// WithDigest returns the URL by which an upload is finished. The rest of the query stays as the registry wrote it: it may be signed.
func WithDigest(location *url.URL, digest string) *url.URL {
	finished := *location
	if finished.RawQuery != "" {
		finished.RawQuery += "&"
	}
	finished.RawQuery += "digest=" + url.QueryEscape(digest)
	return &finished
}

// SameOrigin reports whether two URLs have the same scheme, host and port. A login for one origin is not sent to another.
func SameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

// portOf returns the port of a URL, or its scheme's default.
func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	switch strings.ToLower(u.Scheme) {
	case "http":
		return "80"
	case "https":
		return "443"
	}
	return ""
}

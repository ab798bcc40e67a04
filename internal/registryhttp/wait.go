package registryhttp

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RetryAfter returns how long a server asks to wait: seconds, or until an HTTP date (RFC 9110, section 10.2.3). ok is false if it
// does not ask, or for no time at all.
func RetryAfter(header http.Header, now time.Time) (wait time.Duration, ok bool) {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second, seconds > 0
	}
	if at, err := http.ParseTime(value); err == nil {
		return at.Sub(now), at.After(now)
	}
	return 0, false
}

// IsMomentary reports whether a status is that of a server which cannot serve a request for the moment, so that the same request may
// succeed later: 408, 425, 429, and 5xx other than 501 and 505.
func IsMomentary(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return status >= http.StatusInternalServerError
}

package buildkitmsg

import (
	"slices"
	"strings"
)

// IsPushFailure reports whether a solve failed when it pushed its result (exporter/containerimage/export.go, after client/solve.go).
func IsPushFailure(err error) bool {
	return strings.HasPrefix(strings.TrimPrefix(err.Error(), "failed to solve: "), "failed to push ")
}

// The texts, in lower case, of errors that a retry may fix, and of those that it cannot. They are from Go's net, net/http and crypto/x509,
// and from core/remotes/docker and core/remotes/errors of containerd.
var (
	transient = []string{
		"timeout", "deadline exceeded", "connection re", "broken pipe", "eof", "no such host", "temporary failure", "tls handshake",
		"too many requests", "unexpected status", "server error", "bad gateway", "service unavailable",
	}
	permanent = []string{"not found", "denied", "unauthorized", "forbidden", "not allowed", "no space left", "no match for platform", "x509:"}
)

// IsTransient reports whether a retry may fix the failure of a request. The error may be permanent as well: see [IsPermanent].
func IsTransient(err error) bool { return hasAny(strings.ToLower(err.Error()), transient) }

// IsPermanent reports whether a retry cannot fix the failure of a request.
func IsPermanent(err error) bool { return hasAny(strings.ToLower(err.Error()), permanent) }

func hasAny(text string, words []string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
}

// NetworkFailure is the reason why BuildKit got no answer from a registry.
type NetworkFailure int

// These are the reasons that are recognized.
const (
	NoNetworkFailure NetworkFailure = iota // the registry answered, or the reason is not known
	NoConnection
	UnknownHost
	BadCertificate
	PlainHTTP // the registry does not speak TLS
)

// NetworkFailureOf returns the reason why BuildKit got no answer from a registry. BuildKit's connection carries only the text of Go's net,
// crypto/x509, crypto/tls and net/http.
func NetworkFailureOf(err error) NetworkFailure {
	text := err.Error()
	switch {
	case hasAny(text, []string{"connection refused", "no route to host", "network is unreachable"}):
		return NoConnection
	case hasAny(text, []string{"no such host", "server misbehaving"}):
		return UnknownHost
	case hasAny(text, []string{"x509: ", "certificate"}):
		return BadCertificate
	case hasAny(text, []string{"server gave HTTP response to HTTPS client", "first record does not look like a TLS handshake"}):
		return PlainHTTP
	}
	return NoNetworkFailure
}

package preflight

import (
	"errors"
	"testing"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
)

func TestAnAnswerOfARegistryIsNotANetworkFailure(t *testing.T) {
	repo, err := reference.ParseNormalizedNamed("registry.example/app")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]buildkitmsg.NetworkFailure{
		"registry.example/app@sha256:1: not found":                              buildkitmsg.NoNetworkFailure,
		"unexpected status from HEAD request: 403 Forbidden":                    buildkitmsg.NoNetworkFailure,
		"failed to authorize: failed to fetch anonymous token: 401":             buildkitmsg.NoNetworkFailure,
		"failed to do request: dial tcp 127.0.0.1:5000: connection refused":     buildkitmsg.NoConnection,
		"dial tcp: lookup registry.example on 8.8.8.8:53: no such host":         buildkitmsg.UnknownHost,
		"tls: failed to verify certificate: x509: unknown authority":            buildkitmsg.BadCertificate,
		"http: server gave HTTP response to HTTPS client":                       buildkitmsg.PlainHTTP,
		"failed to do request: Head: context deadline exceeded":                 buildkitmsg.NoNetworkFailure,
		"unexpected status from HEAD request to x: 503 Service Unavailable: no": buildkitmsg.NoNetworkFailure,
	} {
		var got buildkitmsg.NetworkFailure
		if unreachable, ok := errors.AsType[*UnreachedError](unreached(repo, errors.New(text), false)); ok {
			got = unreachable.Failure
		}
		if got != want {
			t.Errorf("%q is taken for %v, want %v", text, got, want)
		}
	}
	if err := unreached(repo, errors.New("x509: unknown authority"), true); err != nil {
		t.Errorf("a push that verifies nothing: %v", err)
	}
}

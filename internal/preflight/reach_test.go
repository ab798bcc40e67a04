package preflight

import (
	"errors"
	"strings"
	"testing"

	"github.com/distribution/reference"
)

func TestWhatARegistryAnswersIsToldFromWhatKeepsTheBuilderFromIt(t *testing.T) {
	repo, err := reference.ParseNormalizedNamed("registry.example/app")
	if err != nil {
		t.Fatal(err)
	}
	for text, fix := range map[string]string{
		"registry.example/app@sha256:1: not found":                              "",
		"unexpected status from HEAD request: 403 Forbidden":                    "",
		"failed to authorize: failed to fetch anonymous token: 401":             "",
		"failed to do request: dial tcp 127.0.0.1:5000: connection refused":     "--driver-opt network=host",
		"dial tcp: lookup registry.example on 8.8.8.8:53: no such host":         "looks names up by itself",
		"tls: failed to verify certificate: x509: unknown authority":            "/etc/docker/certs.d/registry.example/ca.crt",
		"http: server gave HTTP response to HTTPS client":                       "insecure-registries",
		"failed to do request: Head: context deadline exceeded":                 "",
		"unexpected status from HEAD request to x: 503 Service Unavailable: no": "",
	} {
		got := unreached(repo, errors.New(text), false)
		var unreachable *UnreachedError
		switch {
		case fix == "" && got != nil:
			t.Errorf("%q is taken for %v", text, got)
		case fix != "" && !errors.As(got, &unreachable):
			t.Errorf("%q is taken for an answer", text)
		case fix != "":
			if !strings.Contains(unreachable.fix, fix) {
				t.Errorf("%q lacks %q", unreachable.fix, fix)
			}
		}
	}
	if err := unreached(repo, errors.New("x509: unknown authority"), true); err != nil {
		t.Errorf("a push that verifies nothing: %v", err)
	}
}

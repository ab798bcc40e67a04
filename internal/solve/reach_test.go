package solve

import (
	"context"
	"errors"
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
			contains(t, unreachable.fix, fix)
		}
	}
	if err := unreached(repo, errors.New("x509: unknown authority"), true); err != nil {
		t.Errorf("a push that verifies nothing: %v", err)
	}
}

func TestOneRepositoryOfEachRegistryIsAskedForByTheBuilder(t *testing.T) {
	w := newWorld(t, copiesOnly)
	w.req.Tags = w.tags("app:v1", "app:v2", "other:v1")
	w.mustRun()
	asked := 0
	for _, ref := range w.Asked() {
		if ref == w.host+"/app@"+nowhere.String() {
			asked++
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times: %q", asked, w.Asked())
	}
}

func TestTheBuildersAnswerAboutARegistryThatTheClientCannotReachIsLeftOut(t *testing.T) {
	w := newWorld(t, copiesOnly)
	w.Unreachable = func(string) error { return errors.New("connection refused") }
	w.preflight = func(context.Context) error { return errors.New(w.host + " is dead") }
	if found := w.findings(); len(found) != 1 || found[0].Check != "registry" {
		t.Errorf("%q", w.texts(found))
	}
}

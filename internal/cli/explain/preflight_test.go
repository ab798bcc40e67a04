package explain

import (
	"errors"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/cachejoin"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
)

func TestAProblemFoundBeforeTheBuildComesWithTheFlagThatHelps(t *testing.T) {
	ps := clitest.PlatformsOf(t, "linux/amd64", "linux/arm64")
	unreached := func(why buildkitmsg.NetworkFailure) error {
		return &preflight.UnreachedError{Registry: "r.example", Failure: why, Err: errors.New("no answer")}
	}
	for name, tt := range map[string]struct {
		found diag.Diagnostic
		want  string
	}{
		"a base image without the platform": {
			preflight.Refusal("base-platform", &preflight.BaseError{Name: "a:latest", Wanted: ps[1:]}), "or leave it out of --platform",
		},
		"a base image without the FROM's platform": {
			preflight.Refusal("base-platform", &preflight.BaseError{Name: "a:latest", Wanted: ps[1:], Chosen: true}), "or another --platform in that line",
		},
		"a base image with the wrong configuration": {
			preflight.Refusal("base-mismatch", &preflight.BaseError{Name: "a:latest", Wanted: ps[1:], Config: ps[0]}),
			"linux/arm64; if this one runs there anyway: --allow-platform-mismatch a:latest",
		},
		"a source on the engine's host": {preflight.Refusal("host-network", &preflight.LocalSourceError{}), "--driver-opt network=host"},
		"a registry without a connection": {
			preflight.Refusal("builder-registry", unreached(buildkitmsg.NoConnection)), "--driver-opt network=host puts it on",
		},
		"a registry with an unknown name": {preflight.Refusal("builder-registry", unreached(buildkitmsg.UnknownHost)), "resolves names by itself"},
		"a registry with an unknown certificate": {
			preflight.Refusal("builder-registry", unreached(buildkitmsg.BadCertificate)), "/etc/docker/certs.d/r.example/ca.crt",
		},
		"a registry without TLS":             {preflight.Refusal("builder-registry", unreached(buildkitmsg.PlainHTTP)), "--builder-config"},
		"a cache under the name of an image": {preflight.Refusal("registry", &cachejoin.NotCacheError{Ref: "r.example/app:1"}), "a tag of its own"},
		"a shared cache mount": {
			diag.Diagnostic{Check: "cache-mount-shared", Message: "shared", Fix: "give each its own id"}, "give each its own id; or --cache-mounts=isolated",
		},
	} {
		t.Run(name, func(t *testing.T) { clitest.Contains(t, FixOf(tt.found), tt.want) })
	}
}

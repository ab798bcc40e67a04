package explain

import (
	"errors"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
)

// pushHint returns what to do about a push of the builder that the registry did not take.
func pushHint(err error) string {
	if _, ok := errors.AsType[*failure.BuilderPushError](err); ok {
		return "the registry takes uploads, but not in the way in which BuildKit makes them. Build an archive instead of --push,\n" +
			"      -o type=oci,dest=app.tar, and push that: docker multiarch push app.tar NAME"
	}
	if refused, ok := errors.AsType[*failure.TokenError](err); ok {
		login := "docker login " + refused.Registry
		if refused.Registry == "docker.io" {
			login = "docker login"
		}
		return "the login may not push to " + refused.Repository + ", or has expired; run: " + login
	}
	return ""
}

// memoryHint returns what to do about a step whose process was killed, as the kernel does where memory is short.
func memoryHint(err error) string {
	if !buildkitmsg.IsKilled(err) {
		return ""
	}
	return "the step's process was killed, most likely because the memory did not suffice: build fewer platforms at once with --jobs 1,\n" +
		"      raise the limit of --resource memory=… or --driver-opt memory=… if there is one, or give the engine's machine more memory"
}

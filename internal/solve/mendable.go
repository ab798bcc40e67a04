package solve

import (
	"errors"
	"slices"
	"strings"

	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"

	"github.com/docker-multiarch/docker-multiarch/internal/crosscompile"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
)

// The words of errors that may be gone with the next try, and of those that will not, in small letters: BuildKit has no types for them.
var (
	passing = []string{
		"timeout", "deadline exceeded", "connection re", "broken pipe", "eof", "no such host", "temporary failure", "tls handshake",
		"too many requests", "unexpected status", "server error", "bad gateway", "service unavailable",
	}
	lasting = []string{"not found", "denied", "unauthorized", "forbidden", "not allowed", "no space left", "no match for platform", "x509:"}
)

// mendable tells whether another try may help. A program's exit status says nothing about that; other errors are told by their words.
// Before the platform's Dockerfile is understood, in doubt it will not: most of them are mistakes in it.
func mendable(err error, begun bool) bool {
	_, exited := errors.AsType[*gatewaypb.ExitError](err)
	text := strings.ToLower(err.Error())
	has := func(words []string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
	}
	switch {
	case consequence(err) || isTyped(err):
		return false
	case exited || strings.Contains(text, "did not complete successfully"):
		return true
	case !begun:
		return has(passing) && !has(lasting)
	}
	return !has(lasting)
}

// isTyped tells errors of ours: what can be tried again about them has been, or it is not for a solve to mend.
func isTyped(err error) bool {
	_, cannot := errors.AsType[*preflight.CannotRunError](err)
	_, output := errors.AsType[*sink.OutputError](err)
	_, scanner := errors.AsType[*ScannerError](err)
	_, push := errors.AsType[*index.PushError](err)
	_, wrong := errors.AsType[*crosscompile.WrongOutputError](err)
	return wrong || cannot || output || scanner || push || !itsOwn(err) && !pushFailed(err)
}

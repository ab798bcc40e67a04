// Package failure classifies the error of a platform's solve: whether a program did not run because of its emulator, whether a retry may
// help, and whether the failure is the platform's own. BuildKit has types for few of its errors, so most are recognized by their text.
package failure

import (
	"context"
	"errors"
	"fmt"
	"time"

	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc/codes"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/crosscompile"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Retryable reports whether a retry may help. A program's exit status says nothing about that; other errors are recognized by their text.
// Before the platform's Dockerfile is understood, the default is no: most errors are then mistakes in it.
func Retryable(err error, started bool) bool {
	_, exited := errors.AsType[*gatewaypb.ExitError](err)
	switch {
	case IsConsequence(err) || isTyped(err):
		return false
	case exited || buildkitmsg.IsProcessFailure(err):
		return true
	case !started:
		return buildkitmsg.IsTransient(err) && !buildkitmsg.IsPermanent(err)
	}
	return !buildkitmsg.IsPermanent(err)
}

// isTyped reports whether an error is one of this program's own types. Those are not retried: either a retry was already made, or another
// solve cannot help.
func isTyped(err error) bool {
	_, cannot := errors.AsType[*preflight.CannotRunError](err)
	_, lost := errors.AsType[*LostNodeError](err)
	_, output := errors.AsType[*sink.OutputError](err)
	_, scanner := errors.AsType[*ScannerError](err)
	_, push := errors.AsType[*index.PushError](err)
	_, wrong := errors.AsType[*crosscompile.WrongOutputError](err)
	return wrong || cannot || lost || output || scanner || push || !IsPlatformFailure(err) && !PushFailed(err)
}

// StoppedError is the error of a platform that was stopped because another one had failed.
type StoppedError struct{ By platform.Platform }

func (e *StoppedError) Error() string {
	return fmt.Sprintf("stopped, because %s failed", platform.Format(e.By))
}

// IsConsequence reports whether a platform has no result only because another one has none.
func IsConsequence(err error) bool {
	_, stopped := errors.AsType[*StoppedError](err)
	return stopped || errors.Is(err, sink.ErrNotExported)
}

// Cancelled reports whether err is that of a solve that was cancelled. BuildKit returns it as text.
func Cancelled(err error) bool {
	return errors.Is(err, context.Canceled) || grpcerrors.Code(err) == codes.Canceled || buildkitmsg.IsCanceled(err.Error()) ||
		IsConsequence(err)
}

// IsPlatformFailure reports whether a failure is the platform's own. A failure of the registry that is pushed to, of the place where files are
// written, or of the connection to the builder could as well have met another platform.
func IsPlatformFailure(err error) bool {
	if _, ok := errors.AsType[*sink.OutputError](err); ok {
		return false
	}
	if _, ok := errors.AsType[*LostNodeError](err); ok {
		return true // the other nodes are still there
	}
	return !PushFailed(err) && !Disconnected(err)
}

// LostNodeError says that one of several nodes was lost while it built a platform.
type LostNodeError struct {
	Node string
	Err  error // says so, and why, as far as the node's driver knows
}

func (e *LostNodeError) Error() string { return e.Err.Error() }
func (e *LostNodeError) Unwrap() error { return e.Err }

// Disconnected reports whether the connection to the builder is lost.
func Disconnected(err error) bool { return grpcerrors.Code(err) == codes.Unavailable }

// PushFailed reports whether a solve's error came from its export. BuildKit has no type for it.
func PushFailed(err error) bool {
	_, push := errors.AsType[*index.PushError](err)
	_, silent := errors.AsType[*SilentError](err)
	return push || silent || err != nil && buildkitmsg.IsPushFailure(err)
}

// SilentError says that the client ended a solve because a registry received nothing more of what BuildKit was sending to it.
type SilentError struct {
	Repository string
	For        time.Duration
}

func (e *SilentError) Error() string {
	return fmt.Sprintf("failed to push %s: the registry %s", e.Repository, e.cause())
}

func (e *SilentError) cause() string {
	return fmt.Sprintf("neither received anything nor answered for %s", e.For.Round(time.Second/10))
}

// TokenError says that the client could give BuildKit no token for a push, because the registry's token server did not accept the login.
type TokenError struct {
	Registry, Repository string
	Err                  error
}

func (e *TokenError) Error() string { return fmt.Sprintf("failed to push %s: %v", e.Repository, e.Err) }
func (e *TokenError) Unwrap() error { return e.Err }

// BuilderPushError says that a registry takes uploads, and not in the way in which BuildKit makes them.
type BuilderPushError struct{ Err error }

func (e *BuilderPushError) Error() string { return e.Err.Error() }
func (e *BuilderPushError) Unwrap() error { return e.Err }

// ScannerError says that the image of the SBOM scanner could not be fetched.
type ScannerError struct {
	Image string
	Err   error
}

func (e *ScannerError) Error() string {
	return fmt.Sprintf("the builder cannot get the SBOM scanner image %s: %v", e.Image, e.Err)
}
func (e *ScannerError) Unwrap() error { return e.Err }

// Scanner returns a ScannerError for the error of a solve that did not find its scanner; image is "" if it has none. BuildKit has no type
// for it.
func Scanner(image string, err error) error {
	if err == nil || image == "" || !buildkitmsg.IsUnresolved(err, image) {
		return err
	}
	return &ScannerError{image, err}
}

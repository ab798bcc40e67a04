// Package engine is the small part of the Docker Engine API that this program needs: facts about the engine, one-shot containers,
// commands in running containers, images, and the few calls that keep a builder container alive.
//
// It adds four things to the library that it uses, and nothing else:
//
//   - a failure to reach the engine is [ErrUnreachable], whatever caused it;
//   - an engine that stops answering ends every call, within some seconds, with [ErrUnreachable]; an engine that answers may take
//     its time;
//   - containers that were started are removed, also when the context is cancelled;
//   - multiplexed streams arrive demultiplexed, and a command in a container can be used as a network connection ([Engine.Dial]).
//
// All other errors keep the class that the library gave them, so callers ask github.com/containerd/errdefs for "not found" or
// "conflict". The package supports every API version from 1.41 (Engine 20.10) on.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/moby/moby/client"

	"github.com/docker-multiarch/docker-multiarch/internal/address"
)

// ErrUnreachable is wrapped by every error which means that the engine could not be reached at all, as opposed to an error that
// the engine returned.
var ErrUnreachable = errors.New("cannot reach the docker engine")

// cleanupTimeout bounds the clean-up after the caller's context has ended.
const cleanupTimeout = 10 * time.Second

// Engine is one Docker Engine. It is safe for concurrent use. It does not own the API client that it was made with: the caller
// that made the client closes it.
type Engine struct {
	api   client.APIClient
	watch watch // every call to the API uses a context of its attend
	left  leftovers

	mu   sync.Mutex
	info *Info
}

// New returns the engine behind api. It makes no request.
func New(api client.APIClient) *Engine {
	return newEngine(api, newWatch(api))
}

// At is New for an engine whose user calls it by another address than its client. Over ssh, for instance, the client has a placeholder.
func At(address string, api client.APIClient) *Engine { return New(addressed{api, address}) }

// Unusable returns an engine for which there is no client. Each of its calls fails with err.
func Unusable(address string, err error) *Engine {
	refuse := func(context.Context, string, string) (net.Conn, error) { return nil, &unusableError{err} }
	api, failed := client.New(client.WithHost("unix:///"), client.WithDialContext(refuse))
	if failed != nil {
		panic(failed) // the options are valid
	}
	return At(address, api)
}

// unusableError carries the reason for which there is no client through the client's own errors.
type unusableError struct{ err error }

func (e *unusableError) Error() string { return e.err.Error() }
func (e *unusableError) Unwrap() error { return e.err }

type addressed struct {
	client.APIClient
	address string
}

// DaemonHost implements [client.APIClient].
func (a addressed) DaemonHost() string { return a.address }

func newEngine(api client.APIClient, w watch) *Engine {
	return &Engine{api: api, watch: w}
}

// Host is the address of the engine as its client knows it, for messages.
func (e *Engine) Host() string {
	return e.api.DaemonHost()
}

// Near reports whether the engine is reached by a socket of this machine, so that what is sent to it crosses no network.
func (e *Engine) Near() bool { return address.IsSocket(e.Host()) }

// FullError means that the engine's disk is full.
type FullError struct{ Err error }

func (e *FullError) Error() string { return e.Err.Error() }
func (e *FullError) Unwrap() error { return e.Err }

// failed adds the operation to err and, where it applies, the class. The text of the library is kept: it names the socket and the
// usual remedies. ctx is that of the call.
func failed(ctx context.Context, op string, err error) error {
	err = withCause(ctx, err)
	if err == nil {
		return nil
	}
	if unusable, ok := errors.AsType[*unusableError](err); ok {
		return unusable.err
	}
	if strings.Contains(err.Error(), "no space left on device") { // the engine sends the kernel's error as text
		err = &FullError{err}
	}
	if errors.Is(err, ErrUnreachable) {
		return fmt.Errorf("%s: %w", op, err)
	}
	if client.IsErrConnectionFailed(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		return fmt.Errorf("%w: %s: %w", ErrUnreachable, op, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

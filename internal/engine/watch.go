package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/client"
)

// watch finds out whether an engine is alive during a call. An engine may take as long as it likes for a request, but it answers
// a ping at once; an engine that was stopped, or whose machine is gone, does not.
type watch struct {
	api      client.APIClient
	quiet    time.Duration // how long a call lasts before the first ping, and the pause between two pings
	patience time.Duration // how long an answer may take
}

// newWatch uses limits that a machine under load can keep.
func newWatch(api client.APIClient) watch {
	return watch{api: api, quiet: 5 * time.Second, patience: 15 * time.Second}
}

// awayWithin is how long a machine may take to accept a connection.
const awayWithin = 3 * time.Second

// Away reports whether the engine's machine gives no answer to an attempt to connect. An engine that has stopped still gets connections, and a
// machine without an engine refuses them. Only engines that are reached by TCP can be away.
func (e *Engine) Away() bool {
	scheme, address, _ := strings.Cut(e.Host(), "://")
	if scheme != "tcp" && scheme != "http" {
		return false
	}
	c, err := net.DialTimeout("tcp", address, awayWithin)
	if err == nil {
		_ = c.Close() // it has shown that there is a machine
	}
	return err != nil && !errors.Is(err, syscall.ECONNREFUSED)
}

// attend returns a context for a call. It ends, with an [ErrUnreachable] as its cause, when the engine has stopped answering. The
// caller calls done when the call is over. It costs a timer. Connections over ssh are not watched: each ping would need one more.
func (w watch) attend(ctx context.Context) (attended context.Context, done func()) {
	host := w.api.DaemonHost()
	if scheme, _, _ := strings.Cut(host, "://"); !slices.Contains([]string{"unix", "npipe", "tcp", "http"}, scheme) {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	again := make(chan *time.Timer, 1) // holds the timer while it is not in use
	timer := time.AfterFunc(w.quiet, func() {
		bounded, cancelPing := context.WithTimeout(ctx, w.patience)
		defer cancelPing()
		_, err := w.api.Ping(bounded, client.PingOptions{})
		if err != nil && errors.Is(bounded.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
			cancel(fmt.Errorf("%w: %s has not answered for %s", ErrUnreachable, host, w.patience))
			return
		}
		t := <-again
		if ctx.Err() == nil {
			t.Reset(w.quiet)
		}
		again <- t
	})
	again <- timer
	return ctx, func() {
		timer.Stop()
		cancel(nil)
	}
}

// hijacked makes a call for a connection. The library ignores the context while it waits for the answer, so a call that is given
// up continues in the background, and its result is dropped.
func hijacked(ctx context.Context, call func() (client.HijackedResponse, error)) (client.HijackedResponse, error) {
	type result struct {
		got client.HijackedResponse
		err error
	}
	done := make(chan result, 1)
	go func() {
		got, err := call()
		done <- result{got, err}
	}()
	select {
	case r := <-done:
		return r.got, r.err
	case <-ctx.Done():
		go func() {
			if r := <-done; r.err == nil {
				r.got.Close()
			}
		}()
		return client.HijackedResponse{}, context.Cause(ctx)
	}
}

// withCause returns the error of a failed call: why its context has ended, if it has, because of the watch or the caller. The library
// reports both as an engine that cannot be reached.
func withCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// stream is an answer that is read after its call. The engine is watched until it is closed.
type stream struct {
	io.ReadCloser
	failed func(error) error // the reason of a failed Read
	done   func()
}

// watchedStream is the answer to a call that was made with ctx, whose watch ends with done.
func watchedStream(ctx context.Context, answer io.ReadCloser, done func()) io.ReadCloser {
	return stream{answer, func(err error) error { return withCause(ctx, err) }, done}
}

func (s stream) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = s.failed(err)
	}
	return n, err
}

func (s stream) Close() error {
	defer s.done()
	return s.ReadCloser.Close()
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/client"
)

// watch sees whether an engine is alive while it is waited for. An engine may
// take as long as it likes for what it was asked, but answers a ping at once; one
// that was stopped, or whose machine is gone, does not.
type watch struct {
	api      client.APIClient
	quiet    time.Duration // how long a call lasts before the engine is asked, and then the pause between two questions
	patience time.Duration // how long it may take for the answer
}

// newWatch has limits that a machine under load keeps to.
func newWatch(api client.APIClient) watch {
	return watch{api: api, quiet: 5 * time.Second, patience: 15 * time.Second}
}

// attend gives a context for a call. It ends, with an [ErrUnreachable] as its
// cause, when the engine has stopped answering. The caller calls done when the
// call is over. It costs a timer. Connections over ssh are not watched: each
// question would need one more.
func (w watch) attend(ctx context.Context) (attended context.Context, done func()) {
	host := w.api.DaemonHost()
	if scheme, _, _ := strings.Cut(host, "://"); !slices.Contains([]string{"unix", "npipe", "tcp", "http"}, scheme) {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	again := make(chan *time.Timer, 1) // the timer, while nobody has it
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

// watched is an API client whose calls end when the engine has stopped answering.
type watched struct {
	client.APIClient
	watch watch
}

// attended makes a call, whose error is that of the watch if that has ended it.
func attended[T any](ctx context.Context, w watch, call func(context.Context) (T, error)) (T, error) {
	ctx, done := w.attend(ctx)
	defer done()
	got, err := call(ctx)
	return got, dead(ctx, err)
}

// hijacked makes a call for a connection. The library does not look at the context any more when it waits for the answer, so a call that
// is given up goes on by itself, and what comes of it is dropped.
func hijacked[T any](ctx context.Context, w watch, call func(context.Context) (T, error), drop func(T)) (T, error) {
	type result struct {
		got T
		err error
	}
	return attended(ctx, w, func(ctx context.Context) (T, error) {
		done := make(chan result, 1)
		go func() {
			got, err := call(ctx)
			done <- result{got, err}
		}()
		select {
		case r := <-done:
			return r.got, r.err
		case <-ctx.Done():
			go func() {
				if r := <-done; r.err == nil {
					drop(r.got)
				}
			}()
			return *new(T), context.Cause(ctx)
		}
	})
}

// dead is what a call that has failed came to: why its context has ended, if it has, be it the watch or the caller. The library
// takes both for an engine that cannot be reached.
func dead(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// stream is an answer that is read after its call. The engine is watched until it
// is closed.
type stream struct {
	io.ReadCloser
	ctx  context.Context // of the call
	done func()
}

func (s stream) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = dead(s.ctx, err)
	}
	return n, err
}

func (s stream) Close() error {
	defer s.done()
	return s.ReadCloser.Close()
}

// streamed makes a call whose answer is a stream.
func streamed[T io.ReadCloser](ctx context.Context, w watch, call func(context.Context) (T, error)) (io.ReadCloser, error) {
	ctx, done := w.attend(ctx)
	got, err := call(ctx)
	if err != nil {
		err = dead(ctx, err)
		done()
		return nil, err
	}
	return stream{got, ctx, done}, nil
}

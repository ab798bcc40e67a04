// Package ctxio lets a context end reading: from standard input, from a pipe, from a server that falls silent.
package ctxio

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"
)

// readerFunc is a reader of one function.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// BetweenReads returns a reader that ends with ctx, but not in the middle of a Read.
func BetweenReads(ctx context.Context, r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if err := context.Cause(ctx); err != nil {
			return 0, err
		}
		return r.Read(p)
	})
}

// Reader makes every Read end with ctx. A pipe without a writer blocks a system call, so a read that is given up continues in its
// goroutine, into a buffer of its own, until the program ends.
func Reader(ctx context.Context, r io.Reader) io.Reader {
	type result struct {
		n   int
		err error
	}
	var buf []byte
	return readerFunc(func(p []byte) (int, error) {
		if err := context.Cause(ctx); err != nil {
			return 0, err
		}
		if len(buf) < len(p) {
			buf = make([]byte, len(p))
		}
		into, done := buf[:len(p)], make(chan result, 1)
		go func() {
			n, err := r.Read(into)
			done <- result{n, err}
		}()
		select {
		case got := <-done:
			return copy(p, into[:got.n]), got.err
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	})
}

// Open opens a file. If it is a pipe whose other end is not open, Open waits for that until ctx ends.
func Open(ctx context.Context, name string, flag int) (*os.File, error) {
	type result struct {
		f   *os.File
		err error
	}
	opened := make(chan result)
	go func() {
		f, err := os.OpenFile(name, flag, 0)
		select {
		case opened <- result{f, err}:
		case <-ctx.Done():
			_ = f.Close() // the caller has given up waiting; a nil file is harmless
		}
	}()
	select {
	case r := <-opened:
		return r.f, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// WithIdleTimeout returns a context that ends when heard has not been called for the given time. end ends it, too.
func WithIdleTimeout(ctx context.Context, silence time.Duration) (_ context.Context, heard, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(silence, func() { cancel(fmt.Errorf("nothing has come for %s", silence)) })
	return ctx, func() { timer.Reset(silence) }, func() { timer.Stop(); cancel(nil) }
}

// OnRead calls heard after each Read of r.
func OnRead(r io.Reader, heard func()) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		n, err := r.Read(p)
		heard()
		return n, err
	})
}

package manifest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// silence ends an attempt in which the registry is silent for too long.
type silence struct {
	usual   time.Duration
	current atomic.Int64
	timer   *time.Timer
}

// newSilence begins to count at once.
func newSilence(usual time.Duration, cancel context.CancelCauseFunc) *silence {
	s := &silence{usual: usual}
	s.current.Store(int64(usual))
	s.timer = time.AfterFunc(usual, func() {
		cancel(fmt.Errorf("%w within %s", errSilent, time.Duration(s.current.Load())))
	})
	return s
}

// allow starts counting again, up to another limit.
func (s *silence) allow(limit time.Duration) {
	s.current.Store(int64(limit))
	s.timer.Reset(limit)
}

func (s *silence) stop() { s.timer.Stop() }

// watched is a body of which each read must return data within the limit. The time between reads does not count.
type watched struct {
	body  io.Reader
	limit *silence
	cause func() error // why the attempt that the body belongs to has ended; nil if it has not
}

func (w *watched) Read(p []byte) (int, error) {
	w.limit.allow(w.limit.usual)
	n, err := w.body.Read(p)
	w.limit.stop()
	if cause := w.cause(); err != nil && !errors.Is(err, io.EOF) && cause != nil {
		err = cause
	}
	return n, err
}

// patience bounds an operation by time, excluding the time in which the user's credentials are asked for: a helper may be asking
// a person.
type patience struct {
	timer *time.Timer
	limit time.Duration
}

type patienceKey struct{}

// withPatience ends the context when the limit is over.
func withPatience(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	p := &patience{limit: limit}
	p.timer = time.AfterFunc(limit, func() { cancel(fmt.Errorf("%w within %s", errSilent, limit)) })
	return context.WithValue(ctx, patienceKey{}, p), func() {
		p.timer.Stop()
		cancel(nil)
	}
}

// pause stops the clock of the context's patience, if it has one, until resume is called; then the full time starts again.
func pause(ctx context.Context) (resume func()) {
	p, ok := ctx.Value(patienceKey{}).(*patience)
	if !ok || !p.timer.Stop() {
		return func() {}
	}
	return func() { p.timer.Reset(p.limit) }
}

package container

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/docker-multiarch/docker-multiarch/builder/link"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// answerTimeout bounds a connection with its first request, and one request to a connected buildkitd.
const answerTimeout = 10 * time.Second

// target is a container to connect to.
type target struct {
	eng   *engine.Engine
	id    string // or name
	pid   int    // 0: unknown
	local bool   // the shortcut may be tried
}

// dial connects to the buildkitd in the container: directly to its socket where that is reachable, else
// through a command in the container.
func (t target) dial(ctx context.Context) (net.Conn, error) {
	if t.local && t.pid > 0 {
		if conn, err := dialLocal(ctx, t.id, t.pid); err == nil {
			return conn, nil
		}
	}
	return t.eng.Dial(ctx, t.id, []string{"buildctl", "dial-stdio"})
}

// connect connects to BuildKit and asks for its workers: one request that shows both that BuildKit is ready
// and its version and platforms.
func (t target) connect(ctx context.Context) (*link.Link, error) {
	return link.Open(ctx, link.Options{
		Dial: t.dial, Timeout: answerTimeout, Gone: func(err error) bool { return errors.Is(err, engine.ErrUnreachable) && t.eng.Away() },
	})
}

// earlyConn is a connection that is made before the container is observed. The container is nearly
// always there, and the observation hides the cost of the exec. Where the shortcut may be possible it
// is not made: the shortcut needs the observation, and is faster.
type earlyConn struct {
	done  chan struct{}
	link  *link.Link
	err   error
	taken bool
}

func dialEarly(ctx context.Context, t target) *earlyConn {
	e := &earlyConn{done: make(chan struct{})}
	if t.local {
		e.err = errors.New("not dialed")
		close(e.done)
		return e
	}
	go func() {
		defer close(e.done)
		e.link, e.err = t.connect(ctx)
	}()
	return e
}

// take hands the connection over, once; ok is false if there is none.
func (e *earlyConn) take() (l *link.Link, ok bool) {
	<-e.done
	if e.taken || e.err != nil {
		return nil, false
	}
	e.taken = true
	return e.link, true
}

// drop closes the connection unless it was taken.
func (e *earlyConn) drop() {
	if l, ok := e.take(); ok {
		_ = l.Close()
	}
}

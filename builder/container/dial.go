package container

import (
	"context"
	"errors"
	"net"
	"time"

	cerrdefs "github.com/containerd/errdefs"

	"github.com/docker-multiarch/docker-multiarch/builder/link"
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// answerTimeout bounds a connection with its first request, and one request to a connected buildkitd.
const answerTimeout = 10 * time.Second

// target is a container to connect to.
type target struct {
	eng    *engine.Engine
	id     string  // or name
	pid    int     // 0: unknown
	local  bool    // the shortcut may be tried
	beside *beside // what the command of the first connection runs besides; nil: nothing
	// direct is until when a socket that could be reached directly is not reached by a command: BuildKit was started a moment ago.
	direct time.Time
}

// dial connects to the buildkitd in the container: directly to its socket where that is reachable, else
// through a command in the container.
func (t target) dial(ctx context.Context) (net.Conn, error) {
	if t.local && t.pid > 0 {
		conn, err := dialLocal(ctx, t.id, t.pid)
		if err == nil || time.Now().Before(t.direct) && onThisKernel(t.id, t.pid) {
			return conn, err
		}
	}
	connect := []string{"buildctl", "dial-stdio"}
	if t.beside == nil || !t.beside.begin() {
		return t.eng.Dial(ctx, t.id, connect, nil)
	}
	conn, err := t.eng.Dial(ctx, t.id, t.beside.with(connect), t.beside.hear)
	if err != nil {
		t.beside.begun.Store(false)
		return nil, err
	}
	return besideConn{conn, t.beside}, nil
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
	beside    *beside // nil: nothing runs beside it
	done      chan struct{}
	container string // the one that it leads to
	link      *link.Link
	err       error
	taken     bool
}

// dialEarly begins a connection to the first of the containers that exists. Its command also runs the probe of the platforms, since a probe is
// nearly always needed.
func dialEarly(ctx context.Context, t target, containers []string, probe []platform.Platform) *earlyConn {
	e := &earlyConn{done: make(chan struct{})}
	if t.local {
		e.err = errors.New("not dialed")
		close(e.done)
		return e
	}
	if len(probe) > 0 && len(emulation.ArchsOf(probe...)) > 1 {
		e.beside = newBeside(emulation.ProbeScript(probe...))
		t.beside = e.beside
	}
	go func() {
		defer close(e.done)
		for _, t.id = range containers {
			e.container = t.id
			if e.link, e.err = t.connect(ctx); !cerrdefs.IsNotFound(e.err) {
				break
			}
		}
		if e.err != nil && e.beside != nil {
			e.beside.stop()
		}
	}()
	return e
}

// leadsTo waits for the connection, and reports whether there is one to a container.
func (e *earlyConn) leadsTo(container string) bool {
	<-e.done
	return e.err == nil && e.container == container
}

// besides returns what runs beside the connection to a container; nil if nothing does.
func (e *earlyConn) besides(container string) *beside {
	if !e.leadsTo(container) {
		return nil
	}
	return e.beside
}

// take hands the connection to a container over, once; ok is false if there is none.
func (e *earlyConn) take(container string) (l *link.Link, ok bool) {
	if !e.leadsTo(container) || e.taken {
		return nil, false
	}
	e.taken = true
	return e.link, true
}

// drop closes the connection unless it was taken.
func (e *earlyConn) drop() {
	<-e.done
	if l, ok := e.take(e.container); ok {
		_ = l.Close()
	}
}

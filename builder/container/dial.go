package container

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	bkclient "github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// answerTimeout bounds one request to a connected buildkitd.
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

// buildKit makes a BuildKit client. It is connected once before it is returned, so that the error is
// the engine's own. If the connection breaks later, the client dials again by itself.
func (t target) buildKit(ctx context.Context) (*bkclient.Client, error) {
	first, err := t.dial(ctx)
	if err != nil {
		return nil, err
	}
	var once sync.Once
	c, err := bkclient.New(ctx, "", bkclient.WithContextDialer(func(dctx context.Context, _ string) (net.Conn, error) {
		var conn net.Conn
		once.Do(func() { conn = first })
		if conn != nil {
			return conn, nil
		}
		return t.dial(dctx)
	}))
	if err != nil {
		_ = first.Close()
		return nil, fmt.Errorf("connect to BuildKit: %w", err)
	}
	return c, nil
}

// answer is a client whose BuildKit has answered, with that answer.
type answer struct {
	client  *bkclient.Client
	workers []*bkclient.WorkerInfo
}

// ask connects and asks for the workers: one request that shows both that BuildKit is ready and its
// version and platforms.
func (t target) ask(ctx context.Context) (answer, error) {
	c, err := t.buildKit(ctx)
	if err != nil {
		return answer{}, err
	}
	qctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	workers, err := c.ListWorkers(qctx)
	if err == nil && len(workers) == 0 {
		err = errors.New("BuildKit has no worker")
	}
	if err != nil {
		_ = c.Close()
		return answer{}, err
	}
	return answer{c, workers}, nil
}

// earlyConn is a connection that is made before the container is observed. The container is nearly
// always there, and the observation hides the cost of the exec. Where the shortcut may be possible it
// is not made: the shortcut needs the observation, and is faster.
type earlyConn struct {
	done   chan struct{}
	answer answer
	err    error
	taken  bool
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
		e.answer, e.err = t.ask(ctx)
	}()
	return e
}

// take hands the connection over, once; ok is false if there is none.
func (e *earlyConn) take() (a answer, ok bool) {
	<-e.done
	if e.taken || e.err != nil {
		return answer{}, false
	}
	e.taken = true
	return e.answer, true
}

// drop closes the connection unless it was taken.
func (e *earlyConn) drop() {
	if a, ok := e.take(); ok {
		_ = a.client.Close()
	}
}

package link

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// line is what a link knows about its connections, of which there is one at a time, and about their
// failures, of which gRPC keeps nothing but text.
type line struct {
	opt Options

	mu        sync.Mutex
	err       error // the last failure to connect or to read
	ended     error // why the network counts as gone
	open      map[*conn]bool
	connected bool      // at least once; by a program: something has arrived
	received  uint64    // how often data has arrived
	first     []byte    // what BuildKit, or what is there instead, said first
	heard     time.Time // when that arrived
}

// firstBytes is enough to know what answers, and to quote it.
const firstBytes = 80

func newLine(opt Options) *line { return &line{opt: opt, open: map[*conn]bool{}} }

// dial connects, unless the network is gone.
func (l *line) dial(ctx context.Context, _ string) (net.Conn, error) {
	if err := l.lost(); err != nil {
		return nil, err
	}
	c, err := l.opt.Dial(ctx)
	if err != nil {
		l.failed(&dialError{err})
		if errors.Is(err, context.DeadlineExceeded) || l.isAway(err) {
			l.end(err)
		}
	}
	return c, err
}

func (l *line) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

func (l *line) lost() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

// add returns a connection that tells the line what arrives on it.
func (l *line) add(c net.Conn) net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	watched := &conn{Conn: c, line: l, failed: make(chan struct{})}
	l.open[watched] = true
	l.connected = l.connected || !l.opt.Program
	return watched
}

// sign returns a number that changes when data arrives, and whether there is a connection at all.
func (l *line) sign() (received uint64, connected bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.received, len(l.open) > 0
}

// sinceHeard returns the time since something first arrived.
func (l *line) sinceHeard() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.heard)
}

// end closes all connections for good. Their calls, and later ones, fail with the reason.
func (l *line) end(reason error) {
	l.mu.Lock()
	l.ended = reason
	open := l.open
	l.open = map[*conn]bool{}
	l.mu.Unlock()
	for c := range open {
		_ = c.Conn.Close() // the reason is the error to report
	}
}

// begin lets the line connect again after its end.
func (l *line) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended, l.err = nil, nil
}

// conn is a connection of a line, without its encryption.
type conn struct {
	net.Conn
	line   *line
	once   sync.Once
	failed chan struct{} // closed after a read has failed
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	gone := err != nil && (c.line.isAway(err) || c.line.opt.Gone != nil && c.line.opt.Gone(err))
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	if n > 0 {
		c.line.received++
		c.line.connected = true
		if c.line.heard.IsZero() {
			c.line.heard = time.Now()
		}
		if missing := firstBytes - len(c.line.first); missing > 0 {
			c.line.first = append(c.line.first, p[:min(n, missing)]...)
		}
	}
	if err != nil {
		if gone && c.line.ended == nil && c.line.open[c] {
			c.line.ended = err
		}
		if c.line.ended != nil {
			err = c.line.ended
		}
		c.line.err = err
		c.once.Do(func() { close(c.failed) })
	}
	return n, err
}

// reasonWait is how long a failed write waits for the reader, which learns why a program has ended.
const reasonWait = time.Second

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil {
		select {
		case <-c.failed:
		case <-time.After(reasonWait):
		}
	}
	return n, err
}

func (c *conn) Close() error {
	c.line.mu.Lock()
	delete(c.line.open, c)
	c.line.mu.Unlock()
	return c.Conn.Close()
}

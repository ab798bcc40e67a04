// Package link connects to BuildKits, for all drivers, and watches the connections.
//
// A connection is made when BuildKit has answered a first request, or it fails within a fixed time with
// an error that says what is at the address instead. From then on it is watched: a BuildKit from which
// nothing arrives is asked for its version, and if no answer arrives either, the connection ends, and
// with it every call on it. gRPC's own pings cannot do this: buildkitd takes more than one in five
// minutes for an attack, and closes the connection.
package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	bkclient "github.com/moby/buildkit/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// Timeout is how long a BuildKit may take to accept a connection and to answer the first request.
const Timeout = 5 * time.Second

// Dialer opens a connection to a BuildKit.
type Dialer func(context.Context) (net.Conn, error)

// Options are the options of Open. The zero value of each is valid, except for Dial.
type Options struct {
	Dial      Dialer
	TLS       *tls.Config   // nil: none
	Authority string        // of the requests; "": none
	Timeout   time.Duration // 0: Timeout
	// Program means that the connection is a program (ssh, kubectl), which runs whether or not it reaches anything. It counts as made when
	// something has arrived.
	Program bool
	// Gone reports whether a connection that has ended with this error was given up by the dialer's own watch, since its network is gone. nil:
	// there is none.
	Gone func(error) bool
}

// Link is a connection to a BuildKit that has answered. If it breaks, the next call connects again. It is
// safe for concurrent use.
type Link struct {
	Client  *bkclient.Client
	Workers []*bkclient.WorkerInfo // at least one
	// RoundTrip is at most how long it takes to BuildKit and back. It was measured with the first request, without what precedes it: the
	// start of a program that connects, and its login.
	RoundTrip time.Duration

	line  *line
	trips *trips
	limit time.Duration   // of Return
	open  context.Context //nolint:containedctx // until Close: the watch and all attempts to return end with it
	close func() error    // once

	mu        sync.Mutex
	id        string     // of the BuildKit that the client is connected to, with its cache; guarded by mu
	stop      func()     // ends the watch
	returning *attempt   // that callers may share
	reaching  sync.Mutex // one attempt at a time
}

// attempt is an attempt to reach a BuildKit again.
type attempt struct {
	ctx     context.Context //nolint:containedctx // until it has an outcome, or nobody waits for one
	end     func()
	waiting int // callers; guarded by mu of the link
	done    chan struct{}
	err     error // once done
}

// Open connects to a BuildKit.
func Open(ctx context.Context, opt Options) (*Link, error) {
	if opt.Timeout == 0 {
		opt.Timeout = Timeout
	}
	bounded, cancel := context.WithTimeout(ctx, opt.Timeout)
	defer cancel()
	l := &Link{line: newLine(opt), trips: &trips{}, limit: returnWithin, stop: func() {}}
	var err error
	if l.Client, err = bkclient.New(bounded, "", append(l.line.options(), l.trips.fewer()...)...); err != nil {
		return nil, err
	}
	if l.Workers, err = l.Client.ListWorkers(bounded); err == nil && len(l.Workers) == 0 {
		err = errors.New("BuildKit has no worker")
	}
	l.RoundTrip = l.line.sinceHeard()
	if err != nil {
		err = l.line.failure(err, opt.Timeout) // before the end of the connection is one more
		_ = l.Client.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	var closing func()
	l.open, closing = context.WithCancel(context.WithoutCancel(ctx))
	l.close = sync.OnceValue(func() error {
		closing()
		return l.Client.Close()
	})
	l.id = l.Workers[0].ID
	l.startWatch(patient) //nolint:contextcheck // it lasts as long as the link
	return l, nil
}

func (l *Link) startWatch(p pace) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop()
	ctx, stop := context.WithCancel(l.open)
	l.stop = stop
	go l.watch(ctx, p)
}

// Away reports whether the connection ended because of the network: nothing arrived any more, or the system or a program that connects said
// so. Only then [Link.Return] can help. A connection that the other side has closed is that of a BuildKit that has ended.
func (l *Link) Away() bool { return l.line.lost() != nil }

const (
	// returnWithin is how long a node is tried to be reached again. BuildKit itself gives a session up that does not answer for 75 seconds
	// (session/grpc.go, monitorHealth); what has run until then is in its cache.
	returnWithin = 90 * time.Second
	// againPause is the time between two attempts to reach a network that is gone.
	againPause = time.Second
)

// Limit is how long Return tries.
func (l *Link) Limit() time.Duration { return l.limit }

// Return connects to BuildKit again, after its network was gone, so that calls succeed from then on. While the network cannot be reached at
// all it tries, up to its limit. Otherwise the first attempt counts: a BuildKit that accepts connections and does not answer has stopped.
func (l *Link) Return(ctx context.Context) error { return l.Share(ctx, l.reach) }

// Share makes an attempt to reach BuildKit again. Callers at the same time share one, and its outcome. It goes on while one of them waits,
// until the link is closed.
func (l *Link) Share(ctx context.Context, reach func(context.Context) error) error {
	a := l.join(reach)
	defer l.leave(a)
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// join returns the attempt that others wait for, or a new one.
func (l *Link) join(reach func(context.Context) error) *attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.returning
	if a == nil || a.ctx.Err() != nil {
		a = &attempt{done: make(chan struct{})}
		a.ctx, a.end = context.WithCancel(l.open)
		l.returning = a
		go func() {
			defer close(a.done)
			defer a.end()
			l.reaching.Lock() // one that was given up may not have ended yet
			defer l.reaching.Unlock()
			a.err = reach(a.ctx)
		}()
	}
	a.waiting++
	return a
}

// leave ends an attempt with its last caller.
func (l *Link) leave(a *attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.waiting--; a.waiting == 0 {
		a.end()
	}
}

func (l *Link) reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, l.limit, fmt.Errorf("it could not be reached again within %s", l.limit))
	defer cancel()
	for l.Away() {
		err := l.Connect(ctx)
		if err == nil {
			continue
		}
		if _, away := errors.AsType[*AwayError](err); !away && ctx.Err() == nil {
			return fmt.Errorf("a new connection: %w", err)
		}
		select {
		case <-time.After(againPause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// ID is that of the BuildKit that the client is connected to. Another one has another cache.
func (l *Link) ID() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.id
}

// Connect lets the client connect again, to the BuildKit that the dialer reaches now, and waits until it has.
func (l *Link) Connect(ctx context.Context) error {
	again, err := l.Again(ctx)
	if err != nil {
		return err
	}
	_ = again.Close() // it has shown that BuildKit answers
	l.line.begin()
	l.trips.workers.Store(nil) // perhaps they are others
	l.trips.conn.Load().ResetConnectBackoff()
	ctx, cancel := context.WithTimeout(ctx, l.line.opt.Timeout)
	defer cancel()
	if _, err := l.Client.ControlClient().Info(ctx, &controlapi.InfoRequest{}, grpc.WaitForReady(true)); err != nil {
		err = l.line.failure(err, l.line.opt.Timeout)
		l.line.end(err)
		return err
	}
	l.mu.Lock()
	l.id = again.id
	l.mu.Unlock()
	l.startWatch(patient) //nolint:contextcheck // it lasts as long as the link
	return nil
}

// Version is BuildKit's version; "" for one that is too old to tell it.
func (l *Link) Version() string { return l.Workers[0].BuildkitVersion.Version }

// Again opens another connection to the same BuildKit, also if this one was given up.
func (l *Link) Again(ctx context.Context) (*Link, error) { return Open(ctx, l.line.opt) }

// Why returns why the connection broke: the watch's reason, else what a new connection shows.
func (l *Link) Why(ctx context.Context) error {
	if err := l.line.lost(); err != nil {
		return err
	}
	again, err := l.Again(ctx)
	if err != nil {
		return err
	}
	_ = again.Close()
	return errors.New("the connection broke; BuildKit answers again, so it was restarted, or the network failed")
}

// Close ends the connection. It is idempotent.
func (l *Link) Close() error { return l.close() }

// options returns the options of BuildKit's client.
func (l *line) options() []bkclient.ClientOpt {
	creds := insecure.NewCredentials()
	if l.opt.TLS != nil {
		creds = credentials.NewTLS(l.opt.TLS)
	}
	opts := []bkclient.ClientOpt{
		bkclient.WithContextDialer(l.dial),
		bkclient.WithGRPCDialOption(grpc.WithTransportCredentials(&observed{creds, l})),
		bkclient.WithGRPCDialOption(grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.DefaultConfig, MinConnectTimeout: l.opt.Timeout + time.Second, // the first request ends before
		})),
	}
	if l.opt.Authority != "" {
		opts = append(opts, bkclient.WithGRPCDialOption(grpc.WithAuthority(l.opt.Authority)))
	}
	return opts
}

// observed are credentials that leave their errors, and the connections that they make, with a line.
type observed struct {
	credentials.TransportCredentials
	line *line
}

func (o *observed) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c, info, err := o.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if err != nil {
		o.line.failed(&handshakeError{err})
		return c, info, err
	}
	return o.line.add(c), info, nil
}

func (o *observed) Clone() credentials.TransportCredentials {
	return &observed{o.TransportCredentials.Clone(), o.line}
}

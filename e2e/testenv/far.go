package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/http2"
)

// Far is a proxy on loopback that makes a server as far away as a machine elsewhere is: what is sent arrives later, at no more than a rate,
// and the network may be cut for a while. Opening a connection takes a round trip, as it does on a network.
//
// Its fields are set before Start. The methods are safe for concurrent use.
type Far struct {
	To    string        // the server: tcp://HOST:PORT or unix://PATH
	Delay time.Duration // each way
	Rate  float64       // bytes per second and direction, of all connections together; 0: no limit
	// Tap returns for each connection what gets a copy of the bytes to the server, as soon as the client has sent them; nil: nothing does.
	Tap func() io.Writer
	// HTTP2 means that the connections are HTTP/2 without TLS, of which only messages count as trips.
	HTTP2 bool

	listener *net.TCPListener
	toServer direction
	toClient direction
	opened   atomic.Int64
	trips    trips

	cutting sync.Mutex    // of Cut and Mend, which work in turn
	parked  chan struct{} // gets a value when nothing more is accepted

	mu      sync.Mutex
	whole   chan struct{} // closed while the network is not cut
	conns   map[net.Conn]bool
	fillers []net.Conn // what keeps others from connecting to a cut network
	closed  bool
}

// direction is what all connections share in one direction.
type direction struct {
	bytes atomic.Int64
	mu    sync.Mutex
	free  time.Time // when what was sent before has left
}

// Start begins to listen.
func (f *Far) Start() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	f.listener, f.conns, f.whole, f.parked = listener.(*net.TCPListener), map[net.Conn]bool{}, make(chan struct{}), make(chan struct{})
	close(f.whole)
	go f.accept()
	return nil
}

// Address is where clients reach it: tcp://127.0.0.1:PORT.
func (f *Far) Address() string { return "tcp://" + f.listener.Addr().String() }

// SSH is where clients of SSH reach it, if the server is the one of e2e/env: ssh://elsewhere:PORT.
func (f *Far) SSH() string {
	return fmt.Sprintf("ssh://elsewhere:%d", f.listener.Addr().(*net.TCPAddr).Port)
}

// ToServer returns how many bytes have arrived at the server so far.
func (f *Far) ToServer() int64 { return f.toServer.bytes.Load() }

// ToClient returns how many bytes have arrived at clients so far.
func (f *Far) ToClient() int64 { return f.toClient.bytes.Load() }

// Trips returns how many round trips clients have made so far one after the other, the one that opens a connection among them.
func (f *Far) Trips() int {
	f.trips.mu.Lock()
	defer f.trips.mu.Unlock()
	return f.trips.atClient
}

// Idle reports whether no connection is open.
func (f *Far) Idle() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.conns) == 0
}

// Opened returns how many connections were opened so far.
func (f *Far) Opened() int64 { return f.opened.Load() }

// Cut cuts the network: from now on nothing arrives, in either direction, and nobody connects. Neither side learns of that. It returns once
// attempts to connect get no answer.
func (f *Far) Cut() error {
	f.cutting.Lock()
	defer f.cutting.Unlock()
	if !f.set(make(chan struct{})) {
		return nil
	}
	if err := f.listener.SetDeadline(time.Now()); err != nil {
		return err
	}
	<-f.parked
	if err := f.backlog(0); err != nil {
		return err
	}
	// The kernel drops requests to connect once the queue is full of connections that nobody accepts.
	for {
		c, err := net.DialTimeout("tcp", f.listener.Addr().String(), 100*time.Millisecond)
		if err != nil {
			return nil
		}
		f.mu.Lock()
		f.fillers = append(f.fillers, c)
		f.mu.Unlock()
	}
}

// set begins a cut, which ends when the channel is closed. It returns false during one.
func (f *Far) set(whole chan struct{}) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.whole:
		f.whole = whole
		return true
	default:
		return false
	}
}

// Mend ends the cut; all that was sent meanwhile arrives now.
func (f *Far) Mend() error {
	f.cutting.Lock()
	defer f.cutting.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.whole:
		return nil
	default:
	}
	for _, c := range f.fillers {
		_ = c.Close() // nobody uses it
	}
	err := errors.Join(f.listener.SetDeadline(time.Time{}), f.backlog(128))
	close(f.whole)
	return err
}

// backlog sets how many connections may wait to be accepted.
func (f *Far) backlog(n int) (err error) {
	raw, err := f.listener.SyscallConn()
	if err != nil {
		return err
	}
	if controlled := raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), n) }); controlled != nil {
		return controlled
	}
	return err
}

// Break closes all connections, as a machine between here and there does that has forgotten them.
func (f *Far) Break() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		_ = c.Close() // it may be closed already
	}
}

// Close ends it and all connections.
func (f *Far) Close() {
	_ = f.listener.Close() // it may be closed already
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	_ = f.Mend() // the listener is closed
	f.Break()
}

func (f *Far) uncut() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.whole
}

func (f *Far) accept() {
	for {
		client, err := f.listener.Accept()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			f.parked <- struct{}{}
			<-f.uncut()
			continue
		}
		if err != nil {
			return
		}
		if !f.isFiller(client) {
			go f.serve(client, time.Now())
		}
	}
}

// isFiller closes a connection that is of Cut.
func (f *Far) isFiller(client net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	is := slices.ContainsFunc(f.fillers, func(c net.Conn) bool { return c.LocalAddr().String() == client.RemoteAddr().String() })
	if is {
		_ = client.Close() // both ends are ours
	}
	return is
}

// serve passes on what the sides of a connection send, until both have ended; each may end its sending first.
func (f *Far) serve(client net.Conn, at time.Time) {
	network, address, _ := strings.Cut(f.To, "://")
	server, err := new(net.Dialer).DialContext(context.Background(), network, address)
	if err != nil {
		_ = client.Close() // the error to see is that it is closed
		return
	}
	f.opened.Add(1)
	if !f.keep(client, server) {
		return
	}
	defer f.drop(client, server)
	tap := io.Discard
	if f.Tap != nil {
		tap = f.Tap()
	}
	opened := f.trips.opens()
	asked := f.sending(len(http2.ClientPreface), func() int { return f.trips.asks(opened) })
	answered := f.sending(0, func() int { return f.trips.answers(opened) })
	var both sync.WaitGroup
	both.Go(func() {
		f.carry(server, io.TeeReader(client, tap), &f.toServer, at.Add(2*f.Delay), asked, &f.trips.atServer)
	})
	both.Go(func() { f.carry(client, server, &f.toClient, at.Add(3*f.Delay), answered, &f.trips.atClient) })
	both.Wait()
}

// sending returns the trip of each piece that one side of a connection sends; 0 if it is no message. preface is what comes before its frames.
func (f *Far) sending(preface int, trip func() int) func(data []byte) int {
	its := &frames{skip: preface}
	return func(data []byte) int {
		if len(data) == 0 || f.HTTP2 && !its.message(data) {
			return 0
		}
		return trip()
	}
}

func (f *Far) keep(conns ...net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range conns {
		if f.closed {
			_ = c.Close() // nobody uses it
		} else {
			f.conns[c] = true
		}
	}
	return !f.closed
}

func (f *Far) drop(conns ...net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range conns {
		delete(f.conns, c)
		_ = c.Close() // it may be closed already
	}
}

// parcel is what was read at once, on its way.
type parcel struct {
	data    []byte
	arrives time.Time
	trip    int
}

// carry takes what one side sends to the other, and counts its trips there. Nothing leaves before earliest.
func (f *Far) carry(to net.Conn, from io.Reader, way *direction, earliest time.Time, trip func([]byte) int, there *int) {
	const most = 512 // parcels on the way, 16 MiB: more than a line of this length holds, and a bound where the receiver is slow
	line := make(chan parcel, most)
	go func() {
		defer close(line)
		for {
			data := make([]byte, 32<<10)
			n, err := from.Read(data)
			line <- parcel{data[:n], way.leaves(n, f.Rate, earliest).Add(f.Delay), trip(data[:n])} // the last is the end of what is sent
			if err != nil {
				return
			}
		}
	}()
	var failed error
	for p := range line {
		time.Sleep(time.Until(p.arrives))
		<-f.uncut()
		if failed != nil {
			continue
		}
		way.bytes.Add(int64(len(p.data)))
		f.trips.arrive(there, p.trip)
		if _, failed = to.Write(p.data); failed != nil {
			f.drop(to) // so that the sender learns of it
		}
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // it may be closed already
	}
}

// leaves returns when the last of n bytes leaves, which have been sent now. It is not before earliest.
func (d *direction) leaves(n int, rate float64, earliest time.Time) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	left := time.Now()
	if rate > 0 {
		d.free = later(left, d.free).Add(time.Duration(float64(n) / rate * float64(time.Second)))
		left = d.free
	}
	return later(left, earliest)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

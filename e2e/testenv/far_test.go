package testenv

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// echo answers what it is sent, and ends when its client has ended.
func echo(t *testing.T) string {
	t.Helper()
	return listen(t, func(c net.Conn) {
		_, _ = io.Copy(c, c)
		_ = c.Close()
	})
}

func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return "tcp://" + l.Addr().String()
}

func started(t *testing.T, f *Far) *Far {
	t.Helper()
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func dialed(t *testing.T, f *Far) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", f.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// exchange sends n bytes and reads them back.
func exchange(c net.Conn, n int) error {
	data := bytes.Repeat([]byte("x"), n)
	go func() { _, _ = c.Write(data) }() // its error is the reader's
	back := make([]byte, n)
	if _, err := io.ReadFull(c, back); err != nil {
		return err
	}
	if !bytes.Equal(back, data) {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func TestWhatIsSentArrivesLaterAndNoFasterThanTheLine(t *testing.T) {
	t.Parallel()
	f := started(t, &Far{To: echo(t), Delay: 20 * time.Millisecond, Rate: 10e6})
	began := time.Now()
	c := dialed(t, f)
	for _, step := range []struct {
		what  string
		bytes int
		least time.Duration
	}{
		{"the first exchange, and the opening of the connection", 1, 80 * time.Millisecond},
		{"the second", 1, 40 * time.Millisecond},
		{"a large one", 1_000_000, 140 * time.Millisecond},
	} {
		if err := exchange(c, step.bytes); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < step.least || took > step.least+2*time.Second {
			t.Errorf("%s took %s", step.what, took)
		}
		began = time.Now()
	}
	if f.ToServer() != 1_000_002 || f.ToClient() != 1_000_002 || f.Opened() != 1 {
		t.Errorf("%d bytes to the server, %d to the client, %d connections", f.ToServer(), f.ToClient(), f.Opened())
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("after the end came %d bytes, %v", n, err)
	}
}

func TestNothingArrivesAndNobodyConnectsWhileTheNetworkIsCut(t *testing.T) {
	t.Parallel()
	f := started(t, &Far{To: echo(t)})
	c := dialed(t, f)
	if err := exchange(c, 1); err != nil {
		t.Fatal(err)
	}
	if err := f.Cut(); err != nil {
		t.Fatal(err)
	}
	if _, err := net.DialTimeout("tcp", f.listener.Addr().String(), 200*time.Millisecond); !os.IsTimeout(err) {
		t.Errorf("a new connection: %v", err)
	}
	if _, err := c.Write([]byte("held")); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	back := make([]byte, 4)
	if n, err := c.Read(back); n != 0 || !os.IsTimeout(err) {
		t.Errorf("while it was cut came %d bytes, %v", n, err)
	}
	if err := f.Mend(); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, back); err != nil || string(back) != "held" {
		t.Errorf("got %q, %v", back, err)
	}
	if err := exchange(dialed(t, f), 1); err != nil {
		t.Errorf("a new connection after it: %v", err)
	}
	f.Break()
	if _, err := c.Read(back); err == nil {
		t.Error("a connection outlives Break")
	}
}

func TestTripsAreWhatIsSentAfterAnAnswerHasArrived(t *testing.T) {
	t.Parallel()
	f := started(t, &Far{To: echo(t), Delay: 20 * time.Millisecond})
	one, other := dialed(t, f), dialed(t, f)
	for _, step := range []struct {
		what  string
		conns []net.Conn
		trips int
	}{
		{"the first exchange of two connections at the same time, and their opening", []net.Conn{one, other}, 2},
		{"the next one, after a pause", []net.Conn{one}, 1},
		{"two at the same time", []net.Conn{one, other}, 1},
		{"one on a new connection, and its opening", []net.Conn{nil}, 2},
	} {
		before := f.Trips()
		var all errgroup.Group
		for _, c := range step.conns {
			if c == nil {
				c = dialed(t, f)
			}
			all.Go(func() error { return exchange(c, 1) })
		}
		if err := all.Wait(); err != nil {
			t.Fatal(err)
		}
		if n := f.Trips() - before; n != step.trips {
			t.Errorf("%s: %d trips, not %d", step.what, n, step.trips)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// checked is a server of health checks behind a proxy.
func checked(t *testing.T, f *Far) healthpb.HealthClient {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(l) }() // until Stop
	t.Cleanup(server.Stop)
	f.To = "tcp://" + l.Addr().String()
	client, err := grpc.NewClient(started(t, f).listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return healthpb.NewHealthClient(client)
}

func TestTheCallsOfAConnectionAndTheirTripsAreCounted(t *testing.T) {
	t.Parallel()
	var calls Calls
	f := &Far{Delay: 20 * time.Millisecond, HTTP2: true, Tap: calls.Tap}
	client := checked(t, f)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	check := func() error {
		_, err := client.Check(ctx, &healthpb.HealthCheckRequest{})
		return err
	}
	for range 3 {
		if err := check(); err != nil {
			t.Fatal(err)
		}
	}
	if got := calls.Count(); len(got) != 1 || got["Health/Check"] != 3 || f.Trips() != 2+3 {
		t.Errorf("counted %v, %d trips", got, f.Trips())
	}
	var all errgroup.Group
	for range 3 {
		all.Go(check)
	}
	if err := all.Wait(); err != nil || f.Trips() != 2+3+1 {
		t.Errorf("%v, %d trips after three calls at the same time", err, f.Trips())
	}
}

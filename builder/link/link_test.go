package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	apitypes "github.com/moby/buildkit/api/types"
	"github.com/moby/buildkit/session/grpchijack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// daemon is as much of a BuildKit as a link needs.
type daemon struct {
	controlapi.UnimplementedControlServer
	asked   atomic.Int32
	listed  atomic.Int32
	workers []*apitypes.WorkerRecord
}

func (d *daemon) ListWorkers(context.Context, *controlapi.ListWorkersRequest) (*controlapi.ListWorkersResponse, error) {
	d.listed.Add(1)
	return &controlapi.ListWorkersResponse{Record: d.workers}, nil
}

func (d *daemon) Info(context.Context, *controlapi.InfoRequest) (*controlapi.InfoResponse, error) {
	d.asked.Add(1)
	return &controlapi.InfoResponse{}, nil
}

// Session does not end before its client's connection.
func (d *daemon) Session(stream controlapi.Control_SessionServer) error {
	<-stream.Context().Done()
	return stream.Context().Err()
}

// DiskUsage takes as long as its caller waits.
func (d *daemon) DiskUsage(ctx context.Context, _ *controlapi.DiskUsageRequest) (*controlapi.DiskUsageResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func oneWorker() *daemon {
	return &daemon{workers: []*apitypes.WorkerRecord{{BuildkitVersion: &apitypes.BuildkitVersion{Version: "v0.34.2"}}}}
}

// serve returns the address of a server of d, and ends it with the test.
func serve(t *testing.T, d *daemon) string {
	t.Helper()
	address := filepath.Join(t.TempDir(), "buildkitd.sock")
	listener, err := net.Listen("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	controlapi.RegisterControlServer(s, d)
	go s.Serve(listener)
	t.Cleanup(s.Stop)
	return address
}

func dialer(network, address string) Dialer {
	return func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, network, address) }
}

// stopped is a connection on which nothing arrives any more, like that of a process that was stopped.
type stopped struct {
	net.Conn
	silent *atomic.Bool
	closed chan struct{}
	once   sync.Once
}

func (s *stopped) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if s.silent.Load() {
		<-s.closed
		return 0, io.EOF
	}
	return n, err
}

func (s *stopped) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Conn.Close()
}

func TestABuildKitThatStopsAnsweringEndsEveryCall(t *testing.T) {
	t.Parallel()
	dial := dialer("unix", serve(t, oneWorker()))
	var silent atomic.Bool
	l := opened(t, func(ctx context.Context) (net.Conn, error) {
		c, err := dial(ctx)
		return &stopped{Conn: c, silent: &silent, closed: make(chan struct{})}, err
	}, pace{tick: time.Millisecond, quiet: 5, patience: 20})
	silent.Store(true)
	for range 2 { // the second connects no more
		_, err := l.Client.DiskUsage(t.Context())
		if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "BuildKit did not answer for 20ms") {
			t.Errorf("got %v", err)
		}
	}
	if err := l.Why(t.Context()); err == nil || err.Error() != "BuildKit did not answer for 20ms" {
		t.Errorf("why: %v", err)
	}
}

func TestABuildKitThatIsBusyIsAskedAndKept(t *testing.T) {
	t.Parallel()
	d := oneWorker()
	l := opened(t, dialer("unix", serve(t, d)), pace{tick: time.Millisecond, quiet: 5, patience: 2000})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := l.Client.DiskUsage(ctx)
		done <- err
	}()
	for d.asked.Load() < 10 { // at least fifty ticks
		time.Sleep(time.Millisecond)
	}
	select {
	case err := <-done:
		t.Fatalf("the call was cut: %v", err)
	default:
	}
	cancel()
	if err := <-done; status.Code(err) != codes.Canceled {
		t.Error(err)
	}
}

// opened opens a link that is watched at another pace.
func opened(t *testing.T, dial Dialer, p pace) *Link {
	t.Helper()
	l, err := Open(t.Context(), Options{Dial: dial})
	if err != nil {
		t.Fatal(err)
	}
	l.startWatch(p)
	t.Cleanup(func() { l.Close() })
	return l
}

func TestARestartedBuildKitIsConnectedToAgain(t *testing.T) {
	t.Parallel()
	dial := dialer("unix", serve(t, oneWorker()))
	var last net.Conn
	var refused error
	l := opened(t, func(ctx context.Context) (c net.Conn, err error) {
		if refused != nil {
			return nil, refused
		}
		last, err = dial(ctx)
		return last, err
	}, patient)
	last.Close()
	if err := l.Why(t.Context()); err == nil || !strings.Contains(err.Error(), "answers again") {
		t.Errorf("got %v", err)
	}
	if _, err := l.Client.Info(t.Context()); err != nil {
		t.Error(err)
	}
	refused = errors.New("no route")
	if err := l.Why(t.Context()); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsNoBuildKitIsNamed(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	encrypted := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(encrypted.Close)
	other := httptest.NewUnstartedServer(http.NotFoundHandler())
	other.Config.Protocols = new(http.Protocols)
	other.Config.Protocols.SetUnencryptedHTTP2(true)
	other.Start()
	t.Cleanup(other.Close)
	for name, tt := range map[string]struct {
		dial Dialer
		want string
	}{
		"an HTTP server":           {dialer("tcp", plain.Listener.Addr().String()), `no BuildKit: its answer begins with "HTTP/1.1 404 Not Found"`},
		"a server with TLS":        {dialer("tcp", encrypted.Listener.Addr().String()), "a server that expects TLS does so, too"},
		"a server of HTTP/2":       {dialer("tcp", other.Listener.Addr().String()), "there is a server, but no BuildKit: unexpected HTTP status code received from server: 404"},
		"a server of another kind": {says(t, "SSH-2.0-OpenSSH_9.2\r\n"), `its answer begins with "SSH-2.0-OpenSSH_9.2"`},
		"a server that hangs up":   {says(t, ""), "it closes the connection without an answer"},
		"nothing":                  {dialer("unix", filepath.Join(t.TempDir(), "none")), "no such file or directory"},
		"no worker":                {dialer("unix", serve(t, &daemon{})), "BuildKit has no worker"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := Open(t.Context(), Options{Dial: tt.dial})
			if err == nil {
				l.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestAServerThatSaysNothingEndsAtTheTimeout(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, err = Open(t.Context(), Options{Dial: dialer("tcp", listener.Addr().String()), Timeout: 50 * time.Millisecond})
	if err == nil || err.Error() != "something accepts connections there, but did not answer within 50ms" {
		t.Errorf("got %v", err)
	}
	_, err = Open(t.Context(), Options{Timeout: 50 * time.Millisecond, Dial: func(ctx context.Context) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	if err == nil || err.Error() != "no connection within 50ms" {
		t.Errorf("got %v", err)
	}
}

// says is a server that says one thing and hangs up.
func says(t *testing.T, text string) Dialer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, text)
			_, _ = io.ReadFull(c, make([]byte, 24)) // HTTP/2's first words
			_ = c.Close()
		}
	}()
	return dialer("tcp", listener.Addr().String())
}

func TestWorkersAreAskedForOnce(t *testing.T) {
	t.Parallel()
	d := oneWorker()
	l := opened(t, dialer("unix", serve(t, d)), patient)
	for range 2 {
		workers, err := l.Client.ListWorkers(t.Context())
		if err != nil || len(workers) != 1 || workers[0].BuildkitVersion.Version != "v0.34.2" {
			t.Errorf("got %v, %v", workers, err)
		}
	}
	if n := d.listed.Load(); n != 1 {
		t.Errorf("BuildKit was asked %d times", n)
	}
}

func TestARoundTripIsMeasuredWithoutTheTimeToConnect(t *testing.T) {
	t.Parallel()
	dial := dialer("unix", serve(t, oneWorker()))
	var connected time.Time
	l, err := Open(t.Context(), Options{Dial: func(ctx context.Context) (net.Conn, error) {
		c, err := dial(ctx)
		connected = time.Now()
		return c, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	whole := time.Since(connected)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if l.RoundTrip <= 0 || l.RoundTrip >= whole {
		t.Errorf("%s of the %s since it is connected", l.RoundTrip, whole)
	}
}

func TestNobodyWaitsForTheEndOfASessionThatIsLeft(t *testing.T) {
	t.Parallel()
	l := opened(t, dialer("unix", serve(t, oneWorker())), patient)
	conn, err := grpchijack.Dialer(l.Client.ControlClient())(t.Context(), "h2c", nil)
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan error)
	go func() {
		_, err := conn.Read(make([]byte, 1))
		read <- err
	}()
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil { // the server does not end it
		t.Error(err)
	}
	if err := <-read; !errors.Is(err, io.EOF) {
		t.Errorf("a reader got %v", err)
	}
}

// unreached returns a link whose BuildKit has fallen silent, and a dialer that further connections use.
func unreached(t *testing.T, d *daemon) (l *Link, next *atomic.Pointer[Dialer]) {
	t.Helper()
	dial := dialer("unix", serve(t, d))
	var silent atomic.Bool
	next = &atomic.Pointer[Dialer]{}
	first := Dialer(func(ctx context.Context) (net.Conn, error) {
		c, err := dial(ctx)
		return &stopped{Conn: c, silent: &silent, closed: make(chan struct{})}, err
	})
	next.Store(&first)
	l = opened(t, func(ctx context.Context) (net.Conn, error) { return (*next.Load())(ctx) }, pace{tick: time.Millisecond, quiet: 5, patience: 20})
	if l.Away() {
		t.Error("it is away before it is silent")
	}
	silent.Store(true)
	if _, err := l.Client.DiskUsage(t.Context()); err == nil {
		t.Fatal("a silent BuildKit answered")
	}
	next.Store(&dial)
	return l, next
}

func TestASilentBuildKitIsConnectedToAgainOnceItsNetworkIsBack(t *testing.T) {
	t.Parallel()
	d := oneWorker()
	l, next := unreached(t, d)
	if !l.Away() {
		t.Error("it is not away")
	}
	dial := *next.Load()
	tries := 0
	away := Dialer(func(ctx context.Context) (net.Conn, error) {
		if tries++; tries == 1 {
			return nil, &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}
		}
		return dial(ctx)
	})
	next.Store(&away)
	if err := l.Return(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked := d.asked.Load()
	if _, err := l.Client.ControlClient().Info(t.Context(), &controlapi.InfoRequest{}); err != nil || d.asked.Load() != asked+1 || l.Away() {
		t.Errorf("it does not answer: %v", err)
	}
}

func TestASilentBuildKitThatHasStoppedIsTriedOnce(t *testing.T) {
	t.Parallel()
	l, next := unreached(t, oneWorker())
	l.line.opt.Timeout = 50 * time.Millisecond
	tries := 0
	wedged := Dialer(func(context.Context) (net.Conn, error) {
		tries++
		c, other := net.Pipe()
		t.Cleanup(func() { _ = other.Close() })
		go func() { _, _ = io.Copy(io.Discard, other) }()
		return c, nil
	})
	next.Store(&wedged)
	if err := l.Return(t.Context()); err == nil || !strings.Contains(err.Error(), "did not answer within 50ms") || tries != 1 {
		t.Errorf("got %v after %d tries", err, tries)
	}
}

func TestANetworkIsWaitedForUntilTheLimitOrTheContextEnds(t *testing.T) {
	t.Parallel()
	l, next := unreached(t, oneWorker())
	away := Dialer(func(context.Context) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: syscall.ENETUNREACH}
	})
	next.Store(&away)
	if l.Limit() != returnWithin {
		t.Errorf("the limit is %s", l.Limit())
	}
	l.limit = 50 * time.Millisecond
	if err := l.Return(t.Context()); err == nil || err.Error() != "it could not be reached again within 50ms" {
		t.Errorf("got %v", err)
	}
	l.limit = time.Hour
	ended := errors.New("ended")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, ended)
	defer cancel()
	if err := l.Return(ctx); !errors.Is(err, ended) {
		t.Errorf("got %v", err)
	}
}

// unreachable makes the network answer nothing until reached is closed, and tells each attempt to connect.
func unreachable(next *atomic.Pointer[Dialer]) (tried <-chan struct{}, reached chan struct{}) {
	dial := *next.Load()
	tries := make(chan struct{}, 1)
	reached = make(chan struct{})
	waits := Dialer(func(ctx context.Context) (net.Conn, error) {
		select {
		case tries <- struct{}{}:
		default:
		}
		select {
		case <-reached:
			return dial(ctx)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	next.Store(&waits)
	return tries, reached
}

func TestACallerThatLeavesDoesNotEndTheReturnOfOthers(t *testing.T) {
	t.Parallel()
	l, next := unreached(t, oneWorker())
	tried, reached := unreachable(next)
	left := errors.New("left")
	first, leave := context.WithCancelCause(t.Context())
	outcomes := map[string]chan error{"first": make(chan error, 1), "second": make(chan error, 1)}
	go func() { outcomes["first"] <- l.Return(first) }()
	<-tried
	go func() { outcomes["second"] <- l.Return(t.Context()) }()
	for waiting := 0; waiting < 2; {
		l.mu.Lock()
		waiting = l.returning.waiting
		l.mu.Unlock()
	}
	leave(left)
	if err := <-outcomes["first"]; !errors.Is(err, left) {
		t.Errorf("the caller that has left got %v", err)
	}
	close(reached)
	if err := <-outcomes["second"]; err != nil || l.Away() {
		t.Errorf("the other caller got %v", err)
	}
}

func TestAReturnEndsWithItsLastCallerOrItsLink(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(l *Link, leave func()){
		"its last caller": func(_ *Link, leave func()) { leave() },
		"its link":        func(l *Link, _ func()) { _ = l.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, next := unreached(t, oneWorker())
			l.line.opt.Timeout = time.Hour
			tried, reached := unreachable(next)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			outcome := make(chan error, 1)
			go func() { outcome <- l.Return(ctx) }()
			<-tried
			end(l, leave)
			if err := <-outcome; !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			l.reaching.Lock() // nobody connects any more
			close(reached)
			l.reaching.Unlock()
			if name == "its last caller" {
				if err := l.Return(t.Context()); err != nil {
					t.Errorf("the next caller got %v", err)
				}
			}
		})
	}
}

func TestAClosedConnectionIsNotAway(t *testing.T) {
	t.Parallel()
	dial := dialer("unix", serve(t, oneWorker()))
	var next error
	var last net.Conn
	l := opened(t, func(ctx context.Context) (net.Conn, error) {
		if next != nil {
			return nil, next
		}
		var err error
		last, err = dial(ctx)
		return last, err
	}, patient)
	for _, c := range []struct {
		next error
		away bool
	}{{errors.New("connection refused"), false}, {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, false}, {&net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}, true}} {
		next = c.next
		_ = last.Close()
		for range 2 { // the first call may be on the connection that is closed
			if _, err := l.Client.Info(t.Context()); err == nil {
				t.Fatal("it answers")
			}
		}
		if l.Away() != c.away {
			t.Errorf("%v: away is %t", c.next, l.Away())
		}
		next = nil
		if err := l.Return(t.Context()); err != nil {
			t.Error(err)
		}
		for _, err := l.Client.Info(t.Context()); err != nil; _, err = l.Client.Info(t.Context()) { // gRPC pauses before it connects again
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func TestABuildKitInThePlaceOfAnotherHasAnotherID(t *testing.T) {
	t.Parallel()
	first, second := oneWorker(), oneWorker()
	first.workers[0].ID, second.workers[0].ID = "first", "second"
	dial, now := dialer("unix", serve(t, first)), dialer("unix", serve(t, second))
	var last net.Conn
	l := opened(t, func(ctx context.Context) (c net.Conn, err error) {
		last, err = dial(ctx)
		return last, err
	}, patient)
	dial = now
	_ = last.Close()
	for _, err := l.Client.Info(t.Context()); err != nil; _, err = l.Client.Info(t.Context()) { // on the connection that is closed
		time.Sleep(time.Millisecond)
	}
	if err := l.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if workers, err := l.Client.ListWorkers(t.Context()); err != nil || workers[0].ID != "second" || l.ID() != "second" {
		t.Errorf("%q, %v, %v", l.ID(), workers, err)
	}
}

// program is a connection through a program that may end with words on its standard error.
type program struct {
	net.Conn
	says *atomic.Pointer[string]
}

func (p program) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if says := p.says.Load(); says != nil {
		return 0, fmt.Errorf("command [ssh far] has exited with exit status 255, make sure the URL is valid, and Docker 18.09 or later is installed on the remote host: stderr=%s", *says)
	}
	return n, err
}

func TestAProgramSaysWhetherTheNetworkIsGone(t *testing.T) {
	t.Parallel()
	for says, away := range map[string]bool{
		"ssh: connect to host far port 22: Connection timed out":                            true,
		"ssh: connect to host far port 22: Operation timed out":                             true,
		"Connection timed out during banner exchange":                                       true,
		"ssh: connect to host far port 22: No route to host":                                true,
		"ssh: connect to host far port 22: Network is unreachable":                          true,
		"ssh: Could not resolve hostname far: Temporary failure in name resolution":         true,
		"Timeout, server far not responding.":                                               true,
		"client_loop: send disconnect: Broken pipe":                                         true,
		"Read from remote host far: Connection reset by peer":                               true,
		"Unable to connect to the server: dial tcp: lookup far: no such host":               true,
		"error: read tcp 10.0.0.1:5->10.0.0.2:443: i/o timeout":                             true,
		"ssh: connect to host far port 22: Connection refused":                              false,
		"me@far: Permission denied (publickey).":                                            false,
		"Host key verification failed.":                                                     false,
		"error: dial unix /run/buildkit/buildkitd.sock: connect: no such file or directory": false,
		"bash: line 1: buildctl: command not found":                                         false,
		"command terminated with exit code 137":                                             false,
	} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			d := oneWorker()
			dial := dialer("unix", serve(t, d))
			var ended atomic.Pointer[string]
			var last net.Conn
			l := opened(t, func(ctx context.Context) (net.Conn, error) {
				c, err := dial(ctx)
				last = c
				return program{c, &ended}, err
			}, patient)
			ended.Store(&says)
			_ = last.Close()
			if _, err := l.Client.Info(t.Context()); err == nil {
				t.Error("a connection that has ended answers")
			}
			if l.Away() != away {
				t.Errorf("away is %t", l.Away())
			}
			_, err := l.Again(t.Context())
			if _, is := errors.AsType[*AwayError](err); is != away || !strings.Contains(err.Error(), says) {
				t.Errorf("a new connection: %v", err)
			}
			ended.Store(nil)
			if err := l.Return(t.Context()); err != nil || l.Away() {
				t.Errorf("it does not return: %v", err)
			}
		})
	}
}

func TestAProgramThatSaysNothingHasReachedNothing(t *testing.T) {
	t.Parallel()
	for _, program := range []bool{false, true} {
		_, err := Open(t.Context(), Options{Program: program, Timeout: 50 * time.Millisecond, Dial: func(context.Context) (net.Conn, error) {
			c, other := net.Pipe()
			t.Cleanup(func() { _ = other.Close() })
			go func() { _, _ = io.Copy(io.Discard, other) }()
			return c, nil
		}})
		if _, away := errors.AsType[*AwayError](err); err == nil || away != program {
			t.Errorf("program %t: %v", program, err)
		}
	}
}

func TestOnlyAProgramsWordsNameTheNetwork(t *testing.T) {
	t.Parallel()
	for _, program := range []bool{false, true} {
		_, err := Open(t.Context(), Options{Program: program, Dial: func(context.Context) (net.Conn, error) {
			return nil, errors.New("the lease has timed out")
		}})
		if _, away := errors.AsType[*AwayError](err); err == nil || away != program {
			t.Errorf("program %t: %v", program, err)
		}
	}
}

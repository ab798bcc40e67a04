package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/filesync"
	"github.com/moby/buildkit/session/testutil"
	"github.com/moby/buildkit/util/bklog"
	"github.com/sirupsen/logrus"
)

// daemon is the part of a BuildKit that receives sessions.
type daemon struct {
	*session.Manager
	conn   chan net.Conn // the client's ends of the sessions' connections
	writes atomic.Int32  // of the clients
}

func newDaemon(t *testing.T) *daemon {
	t.Helper()
	m, err := session.NewManager()
	if err != nil {
		t.Fatal(err)
	}
	return &daemon{Manager: m, conn: make(chan net.Conn, 1)}
}

// Serve implements Server.
func (d *daemon) Serve(ctx context.Context, run func(context.Context, session.Dialer) error) error {
	log := logrus.New()
	log.SetOutput(io.Discard) // the manager logs the end of a session
	handle := func(ctx context.Context, conn net.Conn, meta map[string][]string) error {
		return d.HandleConn(bklog.WithLogger(ctx, logrus.NewEntry(log)), conn, meta)
	}
	return run(ctx, func(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
		conn, err := testutil.TestStream(handle)(ctx, proto, meta)
		if err == nil {
			d.conn <- conn
		}
		return countedWrites{conn, &d.writes}, err
	})
}

type countedWrites struct {
	net.Conn
	n *atomic.Int32
}

func (c countedWrites) Write(p []byte) (int, error) {
	c.n.Add(1)
	return c.Conn.Write(p)
}

// served serves a directory until the test ends.
func served(t *testing.T, d *daemon, dir string) (id string, stop func(), broken chan error) {
	t.Helper()
	broken = make(chan error, 1)
	src := newSource()
	src.Dirs["context"] = dir
	id, stop, err := src.Serve(t.Context(), func(err error) { broken <- err }, d, ServeOptions{Client: "me", Walks: NewWalks(t.Context(), 1)})
	if err != nil {
		t.Fatal(err)
	}
	return id, stop, broken
}

func TestTheListingOfManyFilesIsSentInFewWrites(t *testing.T) {
	const files = 2000
	dir := t.TempDir()
	for i := range files {
		write(t, dir, fmt.Sprint(i), "")
	}
	d := newDaemon(t)
	id, stop, _ := served(t, d, dir)
	defer stop()
	caller, err := d.Get(t.Context(), id, false)
	if err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	if err := filesync.FSSync(t.Context(), caller, filesync.FSSendRequestOpt{Name: "context", DestDir: to, MetadataOnly: true}); err != nil {
		t.Fatal(err)
	}
	if n := d.writes.Load(); n > files/2 {
		t.Errorf("%d writes", n)
	}
}

func TestASessionServesFilesAndEndsWhenItIsStopped(t *testing.T) {
	d, to := newDaemon(t), t.TempDir()
	id, stop, broken := served(t, d, tree(t))
	caller, err := d.Get(t.Context(), id, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := filesync.FSSync(t.Context(), caller, filesync.FSSendRequestOpt{Name: "context", DestDir: to}); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(to + "/b/deep/er/four"); string(text) != "4444" {
		t.Errorf("%q, %v", text, err)
	}
	if other := filesync.FSSync(t.Context(), caller, filesync.FSSendRequestOpt{Name: "secret", DestDir: to}); other == nil {
		t.Error("another directory was served")
	}
	stop()
	select {
	case <-caller.Context(t.Context()).Done():
	case <-time.After(10 * time.Second):
		t.Error("the session goes on")
	}
	select {
	case err := <-broken:
		t.Errorf("it is said to be broken: %v", err)
	default:
	}
}

func TestASessionEndsWithItsConnection(t *testing.T) {
	d := newDaemon(t)
	_, stop, broken := served(t, d, t.TempDir())
	defer stop()
	_ = (<-d.conn).Close()
	select {
	case err := <-broken:
		if err != nil {
			t.Errorf("got %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the session goes on")
	}
}

// refusing is a builder that takes no session.
type refusing struct{}

var errRefusing = errors.New("no session today")

func (refusing) Serve(ctx context.Context, run func(context.Context, session.Dialer) error) error {
	return run(ctx, func(context.Context, string, map[string][]string) (net.Conn, error) { return nil, errRefusing })
}

func TestASessionThatIsRefusedIsBroken(t *testing.T) {
	broken := make(chan error, 1)
	_, stop, err := newSource().Serve(t.Context(), func(err error) { broken <- err }, refusing{}, ServeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-broken; !errors.Is(err, errRefusing) {
		t.Errorf("got %v", err)
	}
	stop()
}

package builder

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	cerrdefs "github.com/containerd/errdefs"
	controlapi "github.com/moby/buildkit/api/services/control"
	apitypes "github.com/moby/buildkit/api/types"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/docker-multiarch/docker-multiarch/builder/link"
)

// store is as much of a BuildKit as has one blob.
type store struct {
	contentapi.UnimplementedContentServer
	blob []byte
	sent atomic.Int64
	// cuts are how many connections are closed, each when so many bytes of it were sent.
	cuts  atomic.Int32
	after int64
}

// control answers the first question of a connection.
type control struct {
	controlapi.UnimplementedControlServer
}

func (control) ListWorkers(context.Context, *controlapi.ListWorkersRequest) (*controlapi.ListWorkersResponse, error) {
	return &controlapi.ListWorkersResponse{Record: []*apitypes.WorkerRecord{{BuildkitVersion: &apitypes.BuildkitVersion{Version: "v0.34.2"}}}}, nil
}

func (s *store) Read(req *contentapi.ReadContentRequest, to contentapi.Content_ReadServer) error {
	if req.Digest != digest.FromBytes(s.blob).String() {
		return status.Error(codes.NotFound, "no such blob")
	}
	const chunk = 32 << 10
	for rest := s.blob[req.Offset:]; len(rest) > 0; rest = rest[min(chunk, len(rest)):] {
		data := rest[:min(chunk, len(rest))]
		s.sent.Add(int64(len(data)))
		if err := to.Send(&contentapi.ReadContentResponse{Data: data}); err != nil {
			return err
		}
	}
	return nil
}

// cut is a connection that breaks when the client has received so many bytes.
type cut struct {
	net.Conn
	left int64
}

func (c *cut) Read(p []byte) (int, error) {
	if c.left <= 0 {
		_ = c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

func (s *store) node(t *testing.T) *Node {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	controlapi.RegisterControlServer(server, control{})
	contentapi.RegisterContentServer(server, s)
	go func() { _ = server.Serve(listener) }() // until Stop
	t.Cleanup(server.Stop)
	l, err := link.Open(t.Context(), link.Options{Dial: func(ctx context.Context) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", listener.Addr().String())
		if err == nil && s.cuts.Add(-1) >= 0 {
			c = &cut{c, s.after}
		}
		return c, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	n := &Node{Client: l.Client, Abilities: Abilities{Return: l}, Disconnect: l.Close}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func newStore(cuts int32) *store {
	s := &store{blob: make([]byte, 4<<20), after: 1 << 20}
	_, _ = rand.Read(s.blob) // never fails
	s.cuts.Store(cuts)
	return s
}

func (s *store) desc() ocispecs.Descriptor {
	return ocispecs.Descriptor{Digest: digest.FromBytes(s.blob), Size: int64(len(s.blob))}
}

func TestABlobIsReadOnWhereTheConnectionBroke(t *testing.T) {
	t.Parallel()
	s := newStore(3)
	r := s.node(t).Resumed()
	r.pause = time.Millisecond
	for range 2 { // the second one begins on the connection that was made again
		rc, err := r.Fetch(t.Context(), s.desc())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(rc)
		if err != nil || !bytes.Equal(got, s.blob) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		if err := rc.Close(); err != nil {
			t.Error(err)
		}
	}
	// A server has sent what a connection holds, and not the blob again.
	if sent := s.sent.Load(); sent > 2*int64(len(s.blob))+3*(1<<20) {
		t.Errorf("%d bytes were sent for two reads of %d", sent, len(s.blob))
	}
}

// away is a node whose network is gone, and that returns or does not.
type away struct {
	*link.Link
	err   error
	tries int
	back  func()
	id    string
}

func (a *away) ID() string { return a.id }

func (a *away) Away() bool { return a.back != nil }

func (a *away) Return(context.Context) error {
	a.tries++
	if a.err == nil {
		a.back()
		a.back = nil
	}
	return a.err
}

func TestABlobWaitsForTheNetworkOfItsNode(t *testing.T) {
	t.Parallel()
	for _, never := range []error{nil, errors.New("it could not be reached again within 1m30s")} {
		s := newStore(1 << 20)
		n := s.node(t)
		r := n.Resumed()
		r.pause = time.Hour // a network is not waited for by trying
		back := &away{err: never, back: func() { s.cuts.Store(0) }}
		n.Return = back
		rc, err := r.Fetch(t.Context(), s.desc())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(rc)
		if never == nil && (err != nil || !bytes.Equal(got, s.blob)) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if never != nil && (status.Code(err) != codes.Unavailable || !errors.Is(err, never)) {
			t.Errorf("got %v", err)
		}
		if back.tries != 1 {
			t.Errorf("%d returns", back.tries)
		}
	}
}

func TestABlobIsNotReadOnFromAnotherBuildKit(t *testing.T) {
	t.Parallel()
	s := newStore(1 << 20)
	n := s.node(t)
	back := &away{id: "first"}
	back.back = func() { s.cuts.Store(0); back.id = "second" }
	n.Return = back
	rc, err := n.Resumed().Fetch(t.Context(), s.desc())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(rc); status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "its cache is lost") {
		t.Errorf("got %v", err)
	}
}

func TestABuildKitThatIsNotStartedAgainIsGivenUp(t *testing.T) {
	t.Parallel()
	s := newStore(1 << 20)
	s.after = 2 << 20
	r := s.node(t).Resumed()
	r.pause = time.Millisecond
	rc, err := r.Fetch(t.Context(), s.desc())
	if err != nil {
		t.Fatal(err)
	}
	s.after = 0
	if _, err := io.ReadAll(rc); status.Code(err) != codes.Unavailable {
		t.Errorf("got %v", err)
	}
	if _, err := rc.Read(make([]byte, 1)); status.Code(err) != codes.Unavailable {
		t.Errorf("after the end: %v", err)
	}
}

func TestOnlyABrokenConnectionIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := newStore(0)
	r := s.node(t).Resumed()
	r.pause = time.Hour // nothing is tried again
	if _, err := r.Fetch(t.Context(), ocispecs.Descriptor{Digest: digest.FromString("none")}); !cerrdefs.IsNotFound(err) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	rc, err := r.Fetch(ctx, s.desc())
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.ReadAll(rc); err == nil {
		t.Error("reading goes on without its context")
	}
}

package buildkittest

import (
	"context"
	"net"
	"sync"
	"testing"

	controlapi "github.com/moby/buildkit/api/services/control"
	apitypes "github.com/moby/buildkit/api/types"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/pb"
	"google.golang.org/grpc"
)

// Control is the part of a BuildKit that describes and cleans it. Its cache has the record "a", which is in use, and "b", until that is
// pruned.
type Control struct {
	controlapi.UnimplementedControlServer
	Platforms []*pb.Platform // of its worker, native first
	Builds    int            // that run

	mu     sync.Mutex
	pruned bool
	listen func(net.Conn)
}

// NewControl returns a BuildKit of a version, which ends with the test.
func NewControl(t testing.TB, platforms ...*pb.Platform) *Control {
	t.Helper()
	c := &Control{Platforms: platforms}
	server := grpc.NewServer()
	controlapi.RegisterControlServer(server, c)
	conns := &conns{next: make(chan net.Conn), done: make(chan struct{})}
	go func() { _ = server.Serve(conns) }()
	t.Cleanup(server.Stop)
	c.listen = func(conn net.Conn) { conns.next <- conn }
	return c
}

// Client connects to it.
func (c *Control) Client(ctx context.Context) (*client.Client, error) {
	return client.New(ctx, "", client.WithContextDialer(func(context.Context, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		c.listen(theirs)
		return ours, nil
	}))
}

// ListWorkers implements controlapi.ControlServer.
func (c *Control) ListWorkers(context.Context, *controlapi.ListWorkersRequest) (*controlapi.ListWorkersResponse, error) {
	return &controlapi.ListWorkersResponse{Record: []*apitypes.WorkerRecord{{
		ID: "w", Platforms: c.Platforms, BuildkitVersion: &apitypes.BuildkitVersion{Version: "v0.34.2"},
		GCPolicy: []*apitypes.GCPolicy{{All: true, MaxUsedSpace: 5e10}},
	}}}, nil
}

func (c *Control) records() []*controlapi.UsageRecord {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := []*controlapi.UsageRecord{{ID: "a", Size: 100, InUse: true}}
	if !c.pruned {
		all = append(all, &controlapi.UsageRecord{ID: "b", Size: 30})
	}
	return all
}

// DiskUsage implements controlapi.ControlServer.
func (c *Control) DiskUsage(context.Context, *controlapi.DiskUsageRequest) (*controlapi.DiskUsageResponse, error) {
	return &controlapi.DiskUsageResponse{Record: c.records()}, nil
}

// Prune implements controlapi.ControlServer.
func (c *Control) Prune(_ *controlapi.PruneRequest, s controlapi.Control_PruneServer) error {
	for _, r := range c.records()[1:] {
		if err := s.Send(r); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pruned = true
	return nil
}

// ListenBuildHistory implements controlapi.ControlServer, for the builds that run.
func (c *Control) ListenBuildHistory(_ *controlapi.BuildHistoryRequest, s controlapi.Control_ListenBuildHistoryServer) error {
	for range c.Builds {
		if err := s.Send(&controlapi.BuildHistoryEvent{Type: controlapi.BuildHistoryEventType_STARTED}); err != nil {
			return err
		}
	}
	return nil
}

// conns is a listener for connections that are made in this process.
type conns struct {
	next chan net.Conn
	done chan struct{}
	once sync.Once
}

func (l *conns) Accept() (net.Conn, error) {
	select {
	case c := <-l.next:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *conns) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (*conns) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

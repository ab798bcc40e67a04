package container

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	apitypes "github.com/moby/buildkit/api/types"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/api/types/system"
	"github.com/opencontainers/go-digest"
	"google.golang.org/grpc"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// world is an engine whose builder containers have a BuildKit that answers.
type world struct {
	fake    *enginetest.Engine
	eng     *engine.Engine
	version string       // version that the images report
	plugins bool         // images have BuildKit's CNI plugins
	builds  atomic.Int32 // running builds
	clients atomic.Int32 // connected clients of others
	crash   atomic.Bool  // buildkitd ends as soon as a client connects
	ends    atomic.Int32 // how often it still ends then, and is started again by the engine

	crashesWithBridge bool // buildkitd ends if it is to set up BuildKit's bridge
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{version: "v0.33.1", plugins: true}
	server := grpc.NewServer()
	controlapi.RegisterControlServer(server, &control{world: w})
	conns := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	go func() { _ = server.Serve(conns) }()
	t.Cleanup(server.Stop)

	w.fake = &enginetest.Engine{
		Info:    system.Info{ID: "E", OSType: "linux", NCPU: 4},
		Images:  map[string]string{DefaultImage: "sha256:stable"},
		Origins: map[string][]string{"sha256:stable": {"docker.io/moby/buildkit"}},
		Process: w.process,
		Dial: func(c *enginetest.Container, cmd []string) (net.Conn, bool) {
			if strings.Join(cmd, " ") != "buildctl dial-stdio" {
				return nil, false
			}
			ours, theirs := net.Pipe()
			if w.ends.Load() > 0 {
				w.ends.Add(-1)
				w.fake.Set(c.ID, func(c *enginetest.Container) { c.RestartCount, c.ExitCode = c.RestartCount+1, 137 })
				_ = theirs.Close()
				return ours, true
			}
			if w.crash.Load() || w.crashesWithBridge && strings.Contains(string(c.File("/etc/buildkit/buildkitd.toml")), "bridge") {
				w.fake.Set(c.ID, func(c *enginetest.Container) { c.Status, c.ExitCode = container.StateExited, 1 })
				_ = theirs.Close()
				return ours, true
			}
			select {
			case conns.conns <- theirs:
			case <-conns.done:
				_ = theirs.Close()
			}
			return ours, true
		},
	}
	w.eng = engine.New(w.fake.Start(t))
	return w
}

// process simulates the programs in the image.
func (w *world) process(_ *enginetest.Container, cmd []string, _ io.Reader, stdout, stderr io.Writer) int {
	script := cmd[len(cmd)-1]
	switch {
	case script == clientsScript:
		fmt.Fprintln(stdout, w.clients.Load())
	case script == examineScript && w.version == "":
		fmt.Fprint(stderr, "/bin/sh: buildkitd: not found\n")
		return 1
	case script == examineScript:
		fmt.Fprintf(stdout, "buildkitd github.com/moby/buildkit %s abc\n", w.version)
		if w.plugins {
			fmt.Fprintln(stdout, "bridge")
		}
	case cmd[0] == "df":
		fmt.Fprintln(stdout, "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/a disk 1000 600 400 60% /var/lib/buildkit")
	case script == "fail":
		fmt.Fprint(stderr, "no such thing\n")
		return 2
	default:
		fmt.Fprint(stdout, script)
	}
	return 0
}

// want is a short form of a spec.
type want struct {
	Name, Image, Network, NetworkFor string
	ToolVersion                      string
	Unasked                          error
	Options                          Options
	Platforms                        []platform.Platform
	Config                           buildkitd.UserConfig
	Certs                            buildkitd.Certs
	Proxies                          map[string]string
	AddHosts, Flags                  []string
	Trusted                          []digest.Digest
	May                              func(context.Context) error
	BusyWait                         time.Duration
}

func (w want) spec() Spec {
	return Spec{
		Endpoint: builder.Endpoint{Builder: w.Name, Options: w.Options, Platforms: w.Platforms},
		Spec: builder.Spec{
			Image: w.Image, ToolVersion: w.ToolVersion, Host: builder.HostNetwork{Requested: w.Network == hostNetwork, For: w.NetworkFor, PermissionErr: w.Unasked},
			Daemon:  buildkitd.Settings{Config: w.Config, Certs: w.Certs, Proxies: w.Proxies, AddHosts: w.AddHosts, Flags: w.Flags},
			Trusted: w.Trusted, Permit: w.May, BusyWait: w.BusyWait,
		},
		ExecOnly: true,
	}
}

// ensure makes a node that is closed with the test. It does not wait.
func (w *world) ensure(t *testing.T, want want) (*Node, error) {
	t.Helper()
	spec := want.spec()
	if spec.BusyWait == 0 {
		spec.BusyWait = -1
	}
	spec.StartWait = 10 * time.Second
	_, n, err := ensure(t.Context(), w.eng, spec, func(line string) { t.Log(line) })
	if err == nil {
		t.Cleanup(func() { _ = n.Close() })
	}
	return n, err
}

func (w *world) mustEnsure(t *testing.T, want want) *Node {
	t.Helper()
	n, err := w.ensure(t, want)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// said returns the lines that are reported while a node is made.
func (w *world) said(t *testing.T, want want) (lines []string) {
	t.Helper()
	spec := want.spec()
	spec.BusyWait, spec.StartWait = -1, 10*time.Second
	_, n, err := ensure(t.Context(), w.eng, spec, func(line string) { lines = append(lines, line) })
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	return lines
}

// named is the only node of a builder.
func named(name string) builder.Endpoint { return builder.Endpoint{Builder: name} }

// registryConfig is the registry configuration of an engine with these mirrors.
func registryConfig(mirrors ...string) *registry.ServiceConfig {
	return &registry.ServiceConfig{Mirrors: mirrors, IndexConfigs: map[string]*registry.IndexInfo{"docker.io": {Mirrors: mirrors}}}
}

// only returns the single container.
func (w *world) only(t *testing.T) *enginetest.Container {
	t.Helper()
	all := w.fake.Containers()
	if len(all) != 1 {
		t.Fatalf("there are %d containers", len(all))
	}
	return all[0]
}

// control is the part of BuildKit's API that a builder uses.
type control struct {
	controlapi.UnimplementedControlServer
	world *world
}

func (c *control) ListWorkers(context.Context, *controlapi.ListWorkersRequest) (*controlapi.ListWorkersResponse, error) {
	return &controlapi.ListWorkersResponse{Record: []*apitypes.WorkerRecord{{
		ID:              "w",
		Platforms:       []*pb.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "386"}},
		BuildkitVersion: &apitypes.BuildkitVersion{Version: c.world.version},
		GCPolicy:        []*apitypes.GCPolicy{{All: true, MaxUsedSpace: 5e10}},
	}}}, nil
}

func (c *control) DiskUsage(context.Context, *controlapi.DiskUsageRequest) (*controlapi.DiskUsageResponse, error) {
	return &controlapi.DiskUsageResponse{Record: []*controlapi.UsageRecord{{ID: "a", Size: 100, InUse: true}, {ID: "b", Size: 30}, {ID: "c", Size: -1}}}, nil
}

func (c *control) ListenBuildHistory(req *controlapi.BuildHistoryRequest, s controlapi.Control_ListenBuildHistoryServer) error {
	if !req.ActiveOnly || !req.EarlyExit {
		return fmt.Errorf("asked for more than the running builds")
	}
	for range c.world.builds.Load() {
		if err := s.Send(&controlapi.BuildHistoryEvent{Type: controlapi.BuildHistoryEventType_STARTED}); err != nil {
			return err
		}
	}
	return nil
}

// pipeListener serves connections that are made in this process.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	select {
	case <-l.done:
	default:
		close(l.done)
	}
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

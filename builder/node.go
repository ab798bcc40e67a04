package builder

import (
	"context"
	"errors"
	"fmt"
	"time"

	bkclient "github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/builder/probe"
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/trust"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Node is a BuildKit that answers. It is safe for concurrent use; the caller that has opened it closes
// it.
type Node struct {
	Endpoint  Endpoint
	ID        string              // of BuildKit with its cache: another container or another cache has another one
	Version   string              // of BuildKit
	Platforms []platform.Platform // what its worker reports, native first; may lag behind the kernel by 20 s
	CPUs      int                 // of its machine; 0: unknown
	// OnHost reports whether the node is on the network of its machine. HostChosen reports whether its user
	// has asked for that explicitly, for this build or for the builder, and not only to reach a registry.
	OnHost, HostChosen bool
	RoundTrip          time.Duration // to BuildKit and back, at most; 0: unknown
	LocalImages        bool          // the engine's images are BuildKit's as well: a build may be from them
	Near               bool          // what it sends does not cross a network: it is reached by a socket of this machine, or runs on this very kernel
	Caches             []string      // the types of build caches that this build of BuildKit has; nil: all
	Warnings           []string      // for the user, at each build

	// More are other BuildKits of the endpoint that a build may use as well, such as the pods of one workload. Their names differ.
	More []*Node

	// Client is the one connection to BuildKit, which carries any number of solves and sessions. Close
	// closes it.
	Client *bkclient.Client

	Abilities

	probes probes // those of nodes without a shell

	// Ahead, if not nil, is a probe that has already begun; Probe uses its answer.
	Ahead *Ahead
	// Disconnect ends the connection. BuildKit keeps running.
	Disconnect func() error
}

// Abilities are what a node can do besides building. An ability is nil where its driver has no way to
// do it.
type Abilities struct {
	// Shell runs scripts beside buildkitd, with its privileges.
	Shell emulation.Shell
	// Engine is the Docker Engine that BuildKit runs on.
	Engine *Engine
	// Gateway is the address under which containers beside BuildKit reach their host.
	Gateway func(context.Context) (string, error)
	// Disk reads the disk that holds the cache.
	Disk DiskGauge
	// Lost returns why the connection broke, without the node's name; see [Node.Why].
	Lost func(context.Context) error
	// Return connects again after the connection broke.
	Return Returner
}

// Returner is a connection that may be made again.
type Returner interface {
	// Away reports whether the connection broke for a reason that may pass.
	Away() bool
	// Return connects again, so that the node's client can be used. It tries up to Limit if BuildKit may still be reached, and only once
	// otherwise.
	Return(context.Context) error
	Limit() time.Duration
	// ID is that of the BuildKit that it is connected to: another one after a return means that the cache is lost.
	ID() string
}

// Engine is the engine beside a BuildKit, for everything that only an engine can do.
type Engine struct {
	trust.Images        // those that may run with privileges, with the caller's texts
	Image        string // BuildKit's, as requested; "" if BuildKit is in the engine itself
	ImageID      string // as the engine shows it; it may run with privileges
	Container    string // BuildKit's; "" if BuildKit is in the engine itself
	Blobs        string // the folder in that container where BuildKit keeps its blobs, named by the ends of their digests
}

// Helper returns an image with a shell that may run with privileges: BuildKit's own, or the image that
// its name stands for now, if that one is gone. "" means none.
func (e *Engine) Helper(ctx context.Context) string {
	if e.Image == "" {
		return ""
	}
	if has, err := e.HasImage(ctx, e.ImageID); err == nil && has {
		return e.ImageID
	}
	id, err := e.Verified(ctx, e.Image)
	if err != nil {
		return ""
	}
	return id
}

// DiskGauge reads the disk that holds a cache.
type DiskGauge interface {
	Disk(context.Context) (Disk, error)
	Local() bool // a reading costs no more than a system call
}

// Probe finds out how the node runs programs for the platforms: through its shell if it has one, else
// by a solve, which cannot distinguish a handler of the kernel from an emulator of BuildKit's own.
func (n *Node) Probe(ctx context.Context, ps ...platform.Platform) (emulation.Status, error) {
	if status, ok := n.Ahead.take(ps); ok {
		return status, nil
	}
	return n.probe(ctx, ps...)
}

// ProbeAhead begins to probe the node if it has not begun yet, and if one of the platforms has another
// architecture than the node.
func (n *Node) ProbeAhead(ctx context.Context, ps []platform.Platform) {
	if n.Ahead == nil {
		n.Ahead = ProbeAhead(ctx, n.probe, ps, n.Platforms...)
	}
}

func (n *Node) probe(ctx context.Context, ps ...platform.Platform) (emulation.Status, error) {
	if n.Shell != nil {
		return emulation.Probe(ctx, n.Shell, ps...)
	}
	if status, ok := n.probes.recall(n, ps); ok {
		return status, nil
	}
	status, err := probe.Solve(ctx, n.Client.ControlClient(), n.Platforms, ps...)
	if err == nil {
		n.probes.put(n, ps, status)
	}
	return status, err
}

// ErrOutOfMemory means that a BuildKit was killed because its memory did not suffice.
var ErrOutOfMemory = errors.New("its container ran out of memory")

// Why returns why the connection broke, as far as the node knows.
func (n *Node) Why(ctx context.Context) error {
	why := errors.New("the connection broke")
	if n.Lost != nil {
		why = n.Lost(ctx)
	}
	return fmt.Errorf("%s was lost during the build: %w", n.Endpoint, why)
}

// Close ends the connection, and those of More. BuildKit keeps running.
func (n *Node) Close() (err error) {
	for _, other := range n.More {
		err = errors.Join(err, other.Close())
	}
	n.Ahead.Stop()
	if n.Disconnect != nil {
		err = errors.Join(n.Disconnect(), err)
	}
	return err
}

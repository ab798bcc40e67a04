package solve

import (
	"context"
	"io"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/session"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Solver is the part of a BuildKit connection that a build needs.
type Solver interface {
	// Build is client.Client's: it runs fn as a frontend and exports what fn returns. It closes status.
	Build(ctx context.Context, opt client.SolveOpt, product string, fn gateway.BuildFunc, status chan *client.SolveStatus) (*client.SolveResponse, error)
	// Serve offers a session to the daemon until ctx is done or the session is closed.
	Serve(ctx context.Context, s *session.Session) error
}

// Node is a builder's node as a build sees it.
type Node struct {
	plan.Node
	Solver Solver
	// OnHost: the node is on the network of the engine's host. HostChosen: the user has asked for that by itself, and not only to reach
	// a registry there, so that Dockerfiles may fetch from the host.
	OnHost, HostChosen bool
	// Blobs reads what the node's own store has: the layers of images that were exported to this machine. Whoever reads a blob compares it
	// with its descriptor.
	Blobs content.Fetcher
	// Probe finds out how the kernel behind the node runs programs for the platforms. It is asked only when one of them has
	// another architecture than the node.
	Probe func(ctx context.Context, ps ...platform.Platform) (emulation.Status, error)
	// Install makes the node's kernel run programs for the platforms.
	Install func(context.Context, []platform.Platform) error
}

// Progress is told what happens. Its methods are called from several goroutines, and must not block for long.
type Progress interface {
	// Status is a message of one platform's solve, in the order of the solve; nil is the end of it. Of the zero platform are
	// messages about work for all of them.
	Status(platform.Platform, *client.SolveStatus)
	// Cleared tells the plan, once, before anything is built.
	Cleared(plan.Plan)
	// Note is one line for the user.
	Note(string)
}

// Env is the world of a build: what it talks to.
type Env struct {
	// Nodes that make the images, at least one. The first makes what none is better for.
	Nodes    []Node
	Registry *manifest.Client
	// Auth answers the builder's questions for registry credentials; nil means none.
	Auth session.Attachable
	// Client names the machine and user that the build context comes from, so that BuildKit can send differences only.
	Client   string
	Progress Progress
	// PullAuth is what the engine wants to pull an image by this name; nil means nothing.
	PullAuth func(ctx context.Context, name string) (string, error)
	// Engine is loaded with images, and runs their tests; Stdout gets the archives that are to go there. Each may be nil if the request needs none.
	Engine *engine.Engine
	Stdout io.Writer
	// Listings is a folder that keeps what layers have, so that none is read twice; "" keeps nothing.
	Listings string
	// Bases is a folder that keeps what was seen of base images, so that none is looked at twice; "" keeps nothing.
	Bases string
	// Times is a folder that keeps how long steps took under an emulator; "" keeps nothing.
	Times string
}

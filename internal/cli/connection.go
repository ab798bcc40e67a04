package cli

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Explained returns the error of work on a connection. If the connection broke, the error says why the builder went away.
func (c *Connection) Explained(ctx context.Context, err error) error {
	if _, lost := errors.AsType[*failure.LostNodeError](err); lost && errors.Is(err, builder.ErrOutOfMemory) {
		return &Hinted{Err: err, Hint: memoryHint}
	} else if lost {
		hint := "run the build again when the node answers: its cache has the finished steps"
		if len(c.Env.NodeNames) > 1 {
			hint = "run the build again when the node answers, or let other nodes take over with --fallback emulate"
		}
		return &Hinted{Err: err, Hint: hint}
	}
	if !brokenConnection(err) || ctx.Err() != nil {
		return err
	}
	n := c.Nodes[0]
	why := n.Why(ctx)
	if errors.Is(why, builder.ErrOutOfMemory) {
		return &Hinted{Err: why, Hint: memoryHint}
	}
	hint := "run the build again: it starts the builder, whose cache has the finished steps; with --jobs, it builds fewer platforms at once"
	if n.Shell == nil { // somebody else starts it
		hint = "run the build again when it answers: its cache has the finished steps"
	}
	return &Hinted{Err: why, Hint: hint}
}

const memoryHint = "build fewer platforms at once with --jobs 1, raise the builder's limit of memory if there is one\n" +
	"      (--driver-opt memory=…, in a cluster limits.memory=…), or give its machine more memory"

// brokenConnection reports whether an error is about the connection to BuildKit and not about the build.
func brokenConnection(err error) bool {
	var answer interface{ GRPCStatus() *status.Status }
	return errors.As(err, &answer) && answer.GRPCStatus().Code() == codes.Unavailable
}

// ConnectOptions select the builder, and describe what the build will ask of it.
type ConnectOptions struct {
	Builder BuilderOptions
	// Targets are the platforms to build; none: the first node's own. Nodes that get none of them are not opened.
	Targets []platform.Platform
	// Fallback permits that other nodes take over from one that cannot be used.
	Fallback bool
	Probe    []platform.Platform // platforms to ask the engine's kernel about in advance
	Host     HostNetwork         // needs of the engine's host network
	// Permit is asked before a builder is made. Its error means that the builder would be useless. nil permits it.
	Permit     func(context.Context) error
	Note       diag.Notes
	Containers bool // emulators are installed for the engine's own containers, too
}

// Connection is a connection to the nodes of a builder.
type Connection struct {
	Env   solve.Env       // without Registry and Progress
	Nodes []*builder.Node // at least one, in the order of Env.Nodes
	Close func()
}

// Images returns the names of the nodes' images, as far as they are known.
func (c *Connection) Images() (names []string) {
	for _, n := range c.Nodes {
		if n.Engine != nil && n.Engine.Image != "" {
			names = append(names, n.Engine.Image)
		}
	}
	return names
}

package cli

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Explained is an error of what was done with a connection: in better words if the connection broke.
func (c *Connection) Explained(ctx context.Context, err error) error {
	if !brokenConnection(err) || ctx.Err() != nil {
		return err
	}
	return &Hinted{
		Err:  c.Node.Why(ctx),
		Hint: "run the build again: the builder is started, and finished steps are in its cache; with --jobs fewer platforms are built at once",
	}
}

// brokenConnection tells whether an error is about the connection to BuildKit and not about the build.
func brokenConnection(err error) bool {
	var answer interface{ GRPCStatus() *status.Status }
	return errors.As(err, &answer) && answer.GRPCStatus().Code() == codes.Unavailable
}

// ConnectOptions say which builder, and what the build is going to ask of it.
type ConnectOptions struct {
	Builder BuilderOptions
	Probe   []platform.Platform // to ask the engine's kernel about ahead
	Host    HostNetwork         // what asks for the network of the engine's host
	// May is asked before a builder is made: its error means that it would be made for nothing. nil allows it.
	May        func(context.Context) error
	Note       func(string)
	Containers bool // also the engine's own containers are to run what emulators are installed for
}

// Connection is a builder that is ready.
type Connection struct {
	Env   solve.Env // without Registry and Progress
	Node  *builder.Node
	Close func()
}

// Image is the builder's, by name; "" if there is none that is known.
func (c *Connection) Image() string {
	if c.Node.Engine == nil {
		return ""
	}
	return c.Node.Engine.Image
}

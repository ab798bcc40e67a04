package main

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// explained is an error of what was done with a connection: in better words if the connection broke.
func (c *connection) explained(ctx context.Context, err error) error {
	if !brokenConnection(err) || ctx.Err() != nil {
		return err
	}
	return &hinted{
		err:  c.node.Why(ctx),
		hint: "run the build again: the builder is started, and finished steps are in its cache; with --jobs fewer platforms are built at once",
	}
}

// brokenConnection tells whether an error is about the connection to BuildKit and not about the build.
func brokenConnection(err error) bool {
	var answer interface{ GRPCStatus() *status.Status }
	return errors.As(err, &answer) && answer.GRPCStatus().Code() == codes.Unavailable
}

// connectOptions say which builder, and what the build is going to ask of it.
type connectOptions struct {
	builder builderOptions
	probe   []platform.Platform // to ask the engine's kernel about ahead
	host    hostNetwork         // what asks for the network of the engine's host
	// may is asked before a builder is made: its error means that it would be made for nothing. nil allows it.
	may        func(context.Context) error
	note       func(string)
	containers bool // also the engine's own containers are to run what emulators are installed for
}

// connection is a builder that is ready.
type connection struct {
	env   solve.Env // without Registry and Progress
	node  *builder.Node
	close func()
}

// image is the builder's, by name; "" if there is none that is known.
func (c *connection) image() string {
	if c.node.Engine == nil {
		return ""
	}
	return c.node.Engine.Image
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/moby/moby/api/types/container"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	builder "github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// brokenConnection tells whether an error is about the connection to BuildKit and not about the build.
func brokenConnection(err error) bool {
	var answer interface{ GRPCStatus() *status.Status }
	return errors.As(err, &answer) && answer.GRPCStatus().Code() == codes.Unavailable
}

// lostBuilder says why the connection to a builder broke: gRPC knows no more than that it did ("EOF").
func lostBuilder(ctx context.Context, eng *engine.Engine, node *builder.Node) error {
	why := "the connection broke"
	switch c, found, err := ended(ctx, eng, node.Container); {
	case err != nil:
		why = err.Error()
	case !found:
		why = "its container was removed"
	case c.State != nil && c.State.OOMKilled:
		why = "its container ran out of memory"
	case c.State != nil && !c.State.Running:
		why = fmt.Sprintf("its container ended with status %d", c.State.ExitCode)
	}
	return &hinted{
		err:  fmt.Errorf("builder %q was lost during the build: %s", node.Builder, why),
		hint: "run the build again: the builder is started, and finished steps are in its cache; with --jobs fewer platforms are built at once",
	}
}

// ended looks at a container until it has ended, for a second at the most: the engine learns of it a little after we do.
func ended(ctx context.Context, eng *engine.Engine, name string) (c container.InspectResponse, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		now, ok, err := eng.InspectContainer(ctx, name)
		if ctx.Err() != nil {
			return c, found, nil // what was seen last
		}
		c, found = now, ok
		if err != nil || !found || c.State == nil || !c.State.Running {
			return c, found, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return c, found, nil
		}
	}
}

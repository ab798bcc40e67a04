package container

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/docker-multiarch/docker-multiarch/builder"
)

// lost returns why the connection to a node broke; gRPC reports only that it did ("EOF").
func (n *Node) lost(ctx context.Context) error {
	switch c, found, err := n.ended(ctx); {
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("the connection broke, and the engine does not answer")
	case err != nil:
		return err
	case !found:
		return errors.New("its container was removed")
	case stopped(c):
		return ending(c.State.ExitCode, c.State.OOMKilled)
	case c.State != nil && c.RestartCount > n.restarts:
		if end, known, err := n.target.eng.LastEnd(ctx, c); known && err == nil {
			return ending(end.ExitCode, end.OutOfMemory)
		}
	}
	return n.link.Why(ctx)
}

// stopped reports whether a container does not run, or is about to be started again by the engine.
func stopped(c container.InspectResponse) bool {
	return c.State != nil && (!c.State.Running || c.State.Restarting)
}

func ending(exitCode int, outOfMemory bool) error {
	if outOfMemory {
		return builder.ErrOutOfMemory
	}
	return fmt.Errorf("its container ended with status %d", exitCode)
}

// ended observes the container until it has ended, or has been started again, for a second at most: the engine notices the end a
// little later than this program. An engine that was killed may take that long to start.
func (n *Node) ended(ctx context.Context) (c container.InspectResponse, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		now, ok, err := n.target.eng.InspectContainer(ctx, n.Container)
		if ctx.Err() != nil {
			if !found {
				return c, false, ctx.Err()
			}
			return c, true, nil // the last observation
		}
		c, found = now, ok
		if err != nil || !found || stopped(c) || c.RestartCount > n.restarts {
			return c, found, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return c, found, nil
		}
	}
}

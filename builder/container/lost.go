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

const (
	// endShows is how much later than this program an engine notices the end of a container.
	endShows = time.Second
	// engineStarts is how long an engine that was killed takes to answer again on a busy machine.
	engineStarts = 15 * time.Second
)

// ended observes the container until it has ended, or has been started again, for endShows at most from the engine's first answer.
func (n *Node) ended(ctx context.Context) (c container.InspectResponse, found bool, err error) {
	starting, cancel := context.WithTimeout(ctx, engineStarts)
	defer cancel()
	if c, found, err = n.target.eng.InspectContainer(starting, n.Container); starting.Err() != nil {
		return c, false, starting.Err()
	}
	ctx, cancel = context.WithTimeout(ctx, endShows)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for err == nil && found && !stopped(c) && c.RestartCount <= n.restarts {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return c, true, nil
		}
		now, there, failed := n.target.eng.InspectContainer(ctx, n.Container)
		if ctx.Err() != nil {
			return c, true, nil // the last observation
		}
		c, found, err = now, there, failed
	}
	return c, found, err
}

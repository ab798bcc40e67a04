package builder

import (
	"context"
	"errors"
	"io"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	bkclient "github.com/moby/buildkit/client"
)

// runningWithin bounds the question for running builds.
const runningWithin = 2 * time.Second

// Running counts the builds that run on the node now.
func (n *Node) Running(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, runningWithin)
	defer cancel()
	return countBuilds(ctx, n.Client)
}

// countBuilds reads the list of running builds and does not wait for later ones.
func countBuilds(ctx context.Context, c *bkclient.Client) (int, error) {
	events, err := c.ControlClient().ListenBuildHistory(ctx, &controlapi.BuildHistoryRequest{ActiveOnly: true, EarlyExit: true})
	if err != nil {
		return 0, err
	}
	n := 0
	for {
		e, err := events.Recv()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if e.GetType() == controlapi.BuildHistoryEventType_STARTED {
			n++
		}
	}
}

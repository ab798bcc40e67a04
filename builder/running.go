package builder

import (
	"context"
	"time"
)

// runningWithin bounds the question for running builds.
const runningWithin = 2 * time.Second

// Running counts the builds that run on the node now.
func (n *Node) Running(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, runningWithin)
	defer cancel()
	return CountBuilds(ctx, n.Client)
}

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

// Recording reports whether a build that has this reference still runs on the node: it has exported, if its client has left with success, and its
// record is being written.
func (n *Node) Recording(ctx context.Context, ref string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, runningWithin)
	defer cancel()
	count, err := countBuilds(ctx, n.Client, ref)
	return count > 0, err
}

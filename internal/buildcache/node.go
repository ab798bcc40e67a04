package buildcache

import (
	"context"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	spb "github.com/moby/buildkit/sourcepolicy/pb"
)

// Node is what the package needs of a node.
type Node struct {
	// Options are those of a solve that has no frontend and exports no image, with its sources held by the policy.
	Options func(*spb.Policy) (client.SolveOpt, error)
	// Solve runs a solve, and gives all of its messages to see.
	Solve func(ctx context.Context, opt client.SolveOpt, fn gateway.BuildFunc, see func(*client.SolveStatus)) error
	// Show shows a message about work for all platforms, and Note a line to the user.
	Show func(*client.SolveStatus)
	Note func(string)
}

// evaluated is what a request gives, with its steps run. The reference is nil if there is nothing to run.
func evaluated(ctx context.Context, gw gateway.Client, req gateway.SolveRequest) (gateway.Reference, error) {
	res, err := gw.Solve(ctx, req)
	if err != nil {
		return nil, err
	}
	ref, err := res.SingleRef()
	if err != nil || ref == nil {
		return nil, err
	}
	return ref, ref.Evaluate(ctx)
}

package buildcache

import (
	"context"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	spb "github.com/moby/buildkit/sourcepolicy/pb"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
)

// Node has the operations of a node that the package needs.
type Node struct {
	// Options returns the options of a solve that has no frontend and exports no image, with its sources pinned by the policy.
	Options func(*spb.Policy) (client.SolveOpt, error)
	// Solve runs a solve, and passes all of its messages to see. The response is not nil unless there is an error.
	Solve func(ctx context.Context, opt client.SolveOpt, fn gateway.BuildFunc, see func(*client.SolveStatus)) (*client.SolveResponse, error)
	// Show shows a message about work for all platforms, and Note a message to the user.
	Show func(*client.SolveStatus)
	Note diag.Notes
}

// evaluated returns the result of a request after its steps have run. The reference is nil if there is nothing to run.
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

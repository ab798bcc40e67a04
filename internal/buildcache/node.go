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

// evaluate runs the steps of a request. An error is not returned: what uses the steps reports it.
func evaluate(ctx context.Context, gw gateway.Client, req gateway.SolveRequest) {
	res, err := gw.Solve(ctx, req)
	if err != nil {
		return
	}
	if ref, err := res.SingleRef(); err == nil && ref != nil {
		_ = ref.Evaluate(ctx)
	}
}

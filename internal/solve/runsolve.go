package solve

import (
	"context"
	"sync"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
)

// runSolve runs one solve, with fn as its frontend, and gives all of its messages to see, which has the last one before runSolve returns.
func runSolve(
	ctx context.Context, s Solver, opt client.SolveOpt, fn gateway.BuildFunc, see func(*client.SolveStatus),
) (*client.SolveResponse, error) {
	status := make(chan *client.SolveStatus)
	var draining sync.WaitGroup
	draining.Go(func() {
		for msg := range status {
			see(msg)
		}
	})
	resp, err := s.Build(ctx, opt, "docker-multiarch", fn, status)
	draining.Wait()
	return resp, err
}

package solve

import (
	"context"
	"errors"
	"fmt"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
)

// withCaches adds to a preflight the caches that only BuildKit can judge: those of services, whose attributes are the service's own.
func withCaches(r *nodeRun, registries func(context.Context) error) func(context.Context) error {
	var services []CacheEntry
	for _, e := range r.req.Cache.To {
		if e.Type != "registry" && e.Type != "local" && e.Type != "inline" && !e.IgnoreError() {
			services = append(services, e.each(r.req.Platforms)...)
		}
	}
	if len(services) == 0 {
		return registries
	}
	return func(ctx context.Context) error {
		tried := make(chan error, 1)
		go func() { tried <- r.tryExports(ctx, services) }()
		return preflight.Together(registries(ctx), <-tried)
	}
}

// tryExports makes BuildKit set the exports up, which it does before it asks for a result, and then has none for it: a bucket that is
// not named is found out now and not when everything is built.
func (r *nodeRun) tryExports(ctx context.Context, to []CacheEntry) error {
	opt, err := r.quiet(pins{})
	if err != nil {
		return err
	}
	for _, e := range to {
		opt.CacheExports = append(opt.CacheExports, e.option())
	}
	accepted := errors.New("there is nothing to export yet")
	asked := false
	_, err = runSolve(ctx, r.node.Solver, opt, func(context.Context, gateway.Client) (*gateway.Result, error) {
		asked = true
		return nil, accepted
	}, func(*client.SolveStatus) {})
	if asked || err == nil {
		return nil
	}
	return fmt.Errorf("--cache-to: %w", err)
}

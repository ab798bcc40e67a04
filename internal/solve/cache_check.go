package solve

import (
	"context"

	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
)

// withCaches adds to a preflight the caches that only BuildKit can judge: those of services, whose attributes are the service's own.
func withCaches(r *nodeRun, registries func(context.Context) error) func(context.Context) error {
	services := r.req.Cache.Services(r.req.Platforms)
	if len(services) == 0 {
		return registries
	}
	return func(ctx context.Context) error {
		tried := make(chan error, 1)
		go func() { tried <- buildcache.Check(ctx, r.caches(), services) }()
		return preflight.Together(registries(ctx), <-tried)
	}
}

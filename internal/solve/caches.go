package solve

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/pins"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
)

// withCaches adds to a preflight the caches that only BuildKit can judge: those of services, whose attributes the service defines.
func withCaches(runs []*nodeRun, registries func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		errs := make([]error, len(runs)+1)
		var asking sync.WaitGroup
		for k, r := range runs {
			if errs[k+1] = r.req.Cache.Among(r.node.Caches, r.node.Name); errs[k+1] != nil {
				continue
			}
			if services := r.req.Cache.Services(r.targetsOf()); len(services) > 0 {
				asking.Go(func() { errs[k+1] = buildcache.Check(ctx, r.caches(), services) })
			}
		}
		errs[0] = registries(ctx)
		asking.Wait()
		return preflight.Together(errs...)
	}
}

// exportCaches exports from each node the results that it has made.
func exportCaches(ctx context.Context, results []solved, p pins.Pins) error {
	made, first := map[string][]buildcache.Made{}, map[string]*nodeRun{} // by node: its jobs and those that were moved to it have runs of their own
	for i, r := range results {
		name := r.on.node.Name
		if first[name] == nil {
			first[name] = r.on
		}
		if r.err == nil {
			made[name] = append(made[name], buildcache.Made{Platform: r.on.targets[i], Definition: r.got.def})
		}
	}
	names := slices.Sorted(maps.Keys(first))
	errs := make([]error, len(names))
	ask(len(names), func(k int) {
		r := first[names[k]]
		errs[k] = buildcache.Export(ctx, r.caches(), p.Policy, r.req.Cache.To, made[names[k]])
	})
	return errors.Join(errs...)
}

// cacheSolve runs a solve for caches. An export to a registry that does not take it for the moment is made again, as a push is: the steps
// are held, so none runs again.
func (r *nodeRun) cacheSolve(ctx context.Context, opt client.SolveOpt, fn gateway.BuildFunc, see func(*client.SolveStatus)) error {
	pauses := r.env.Registry.Backoff()
	for {
		var symptoms failure.Symptoms
		to := exportedTo(opt)
		_, err := r.watched(ctx, to, opt, fn, func(msg *client.SolveStatus) {
			symptoms.Add(msg)
			see(msg)
		})
		if err == nil || len(to) == 0 {
			return err
		}
		cause, momentary := symptoms.MomentaryExport(err)
		if !r.pushesAgain(ctx, pauses, momentary) {
			return err
		}
		err = r.pause(ctx, pauses, to[0], err, cause, "exporting the build cache to "+reference.FamiliarString(to[0]))
		if err != nil {
			return err
		}
	}
}

// exportedTo returns the image that a solve exports a cache to; none if it exports none to a registry.
func exportedTo(opt client.SolveOpt) []reference.Named {
	for _, e := range opt.CacheExports {
		if e.Type == "registry" {
			if to, err := reference.ParseNormalizedNamed(e.Attrs["ref"]); err == nil {
				return []reference.Named{to}
			}
		}
	}
	return nil
}

// replacedCaches returns the findings about caches that several nodes would export to one destination, each overwriting the others'.
func (c decider) replacedCaches() (found []diag.Diagnostic) {
	if len(c.runs) < 2 {
		return nil
	}
	for _, e := range c.req.Cache.To {
		if e.Type != "inline" && !e.Marked() {
			found = append(found, diag.Diagnostic{
				Check: "cache", Severity: diag.Error, Cause: fmt.Errorf("%d nodes would export the cache %s, and each would overwrite the others'", len(c.runs), e),
				Fix: "put {{platform}} into its name, so that each platform has a cache of its own",
			})
		}
	}
	return found
}

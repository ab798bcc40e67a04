package solve

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/cachejoin"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/pins"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
)

// withCaches adds to a preflight the caches that only BuildKit can judge: those of services, whose attributes the service defines.
func withCaches(runs []*nodeRun, registries func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		errs := make([]error, len(runs)+2)
		var asking sync.WaitGroup
		for k, r := range runs {
			if errs[k+1] = r.req.Cache.Among(r.node.Caches, r.node.Name); errs[k+1] != nil {
				continue
			}
			if services := r.req.Cache.Services(r.targetsOf()); len(services) > 0 {
				asking.Go(func() { errs[k+1] = buildcache.Check(ctx, r.caches(), services) })
			}
		}
		asking.Go(func() { errs[len(runs)+1] = runs[0].checkJoined(ctx) })
		errs[0] = registries(ctx)
		asking.Wait()
		return preflight.Together(errs...)
	}
}

// checkJoined returns an error if a joined cache would replace something else.
func (r *nodeRun) checkJoined(ctx context.Context) error {
	var errs []error
	for _, e := range r.fleet.req.Cache.To {
		if at, ok := r.fleet.joinedAt(e); ok && !e.IgnoreError() {
			errs = append(errs, at.Check(ctx))
		}
	}
	return preflight.Together(errs...)
}

// joinedAt returns the place where the nodes' exports to a destination are joined, if the builder has several nodes.
func (w task) joinedAt(e buildcache.Entry) (at cachejoin.Target, ok bool) {
	tag, ok := e.Tag()
	return cachejoin.Target{
		Registry: w.env.Registry, Tag: tag, Note: w.env.Progress.Note, Now: time.Now(), LookAgain: cachejoin.LookAgain,
	}, ok && w.env.several()
}

// exportCaches exports from each node the results that it has made, and joins those of several nodes under the name that the user gave.
func exportCaches(ctx context.Context, w task, results []solved, p pins.Pins) error {
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
	errs, exported := make([]error, len(names)), make([][]digest.Digest, len(names))
	ask(len(names), func(k int) {
		r := first[names[k]]
		exported[k], errs[k] = buildcache.Export(ctx, r.caches(), p.Policy, r.req.Cache.To, made[names[k]])
	})
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return w.joinCaches(ctx, names, exported)
}

// joinCaches joins the nodes' exports to each destination. exported has the digests by node and destination.
func (w task) joinCaches(ctx context.Context, nodes []string, exported [][]digest.Digest) error {
	errs := make([]error, len(w.req.Cache.To))
	ask(len(errs), func(i int) {
		e := w.req.Cache.To[i]
		at, ok := w.joinedAt(e)
		var exports []cachejoin.Export
		for k, node := range nodes {
			if dgst := exported[k][i]; dgst != "" {
				exports = append(exports, cachejoin.Export{Node: node, Manifest: dgst})
			}
		}
		if !ok || len(exports) == 0 {
			return
		}
		errs[i] = e.Failed(ctx, at.Join(ctx, exports), w.env.Progress.Note)
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(errs...)
}

// cacheSolve runs a solve for caches. An export to a registry that does not take it for the moment is made again, as a push is: the steps
// are held, so none runs again.
func (r *nodeRun) cacheSolve(ctx context.Context, opt client.SolveOpt, fn gateway.BuildFunc, see func(*client.SolveStatus)) (*client.SolveResponse, error) {
	pauses := r.env.Registry.Backoff()
	for {
		var symptoms failure.Symptoms
		to := exportedTo(opt)
		resp, err := r.watched(ctx, to, opt, fn, func(msg *client.SolveStatus) {
			symptoms.Add(msg)
			see(msg)
		})
		if err == nil || len(to) == 0 {
			return resp, err
		}
		cause, momentary := symptoms.MomentaryExport(err)
		if !r.pushesAgain(ctx, pauses, momentary) {
			return nil, err
		}
		err = r.pause(ctx, pauses, to[0], err, cause, "exporting the build cache to "+reference.FamiliarString(to[0]))
		if err != nil {
			return nil, err
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
// Registries and services have names for each node.
func (c decider) replacedCaches() (found []diag.Diagnostic) {
	if len(c.runs) < 2 {
		return nil
	}
	for _, e := range c.req.Cache.To {
		if !e.Shared() {
			found = append(found, diag.Diagnostic{
				Check: "cache", Severity: diag.Error, Cause: fmt.Errorf("%d nodes would export the cache %s, and each would overwrite the others'", len(c.runs), e),
				Fix: "put {{platform}} into its name, so that each platform has a cache of its own",
			})
		}
	}
	return found
}

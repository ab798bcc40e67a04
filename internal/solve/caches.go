package solve

import (
	"context"
	"errors"
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
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
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
	at = cachejoin.Target{Note: w.env.Progress.Note, Now: time.Now()}
	if !w.env.several() || !e.Joined() {
		return at, false
	}
	if e.Type == "local" {
		at.Place = cachejoin.Folder{Dir: e.Attrs["dest"], Tag: e.Attrs["tag"], Stage: sink.StagePrefix}
		return at, true
	}
	tag, ok := e.Tag()
	at.Place = cachejoin.Tag{Registry: w.env.Registry, Tag: tag, LookAgain: cachejoin.LookAgain}
	return at, ok
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
	errs, shares, temporary := make([]error, len(names)), make([][]cachejoin.Export, len(names)), make([]stages, len(names))
	ask(len(names), func(k int) {
		r := first[names[k]]
		var to []buildcache.Entry
		if to, shares[k], errs[k] = r.staged(ctx, &temporary[k]); errs[k] != nil {
			return
		}
		var digests []digest.Digest
		digests, errs[k] = buildcache.Export(ctx, r.caches(), p.Policy, to, made[names[k]])
		for i, dgst := range digests {
			shares[k][i].Manifest = dgst
		}
	})
	err := errors.Join(errs...)
	if err == nil {
		err = w.joinCaches(ctx, shares)
	}
	for _, of := range temporary {
		of.remove()
	}
	if err == nil {
		w.cleanCaches(ctx)
	}
	return err
}

// cacheExport exports the caches of a build, on one node as soon as all images are made, while they are pushed and examined.
type cacheExport struct {
	export func(results []solved, p pins.Pins) error

	mu      sync.Mutex
	made    []solved // by index; without on: not yet; nil: nothing is exported before the end
	left    int      // how many are not made
	again   bool     // one was made a second time
	running sync.WaitGroup
	err     error
}

// newCacheExport exports at the end if there is nothing to export, or if the exports of several nodes are joined.
func newCacheExport(ctx context.Context, w task) *cacheExport {
	e := &cacheExport{left: len(w.targets), export: func(results []solved, p pins.Pins) error { return exportCaches(ctx, w, results, p) }}
	if len(w.req.Cache.To) > 0 && !w.env.several() {
		e.made = make([]solved, e.left)
	}
	return e
}

// Made notes that a platform's image is made, and begins the export if it is the last one.
func (e *cacheExport) Made(index int, on *nodeRun, got outcome) {
	if e.made == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.made[index].on != nil {
		e.again = true
		return
	}
	e.made[index] = solved{outcome: got, on: on}
	if e.left--; e.left == 0 {
		e.running.Go(func() { e.err = e.export(e.made, got.decided.pins) })
	}
}

// finish returns the error of the export, which it makes now unless it was made of these results.
func (e *cacheExport) finish(results []solved, p pins.Pins) error {
	e.running.Wait()
	if e.left > 0 || e.again {
		return e.export(results, p)
	}
	return e.err
}

// stages have functions that remove the folders of a node's exports.
type stages []func()

func (s stages) remove() {
	for _, remove := range s {
		remove()
	}
}

// staged returns the destinations of a node's exports: those to a folder that others export to as well go to a folder of the node's own. The
// caller adds the digests to exports, and removes the folders when the caches are joined, also after an error.
func (r *nodeRun) staged(ctx context.Context, made *stages) (to []buildcache.Entry, exports []cachejoin.Export, err error) {
	to, exports = slices.Clone(r.req.Cache.To), make([]cachejoin.Export, len(r.req.Cache.To))
	for i, e := range to {
		exports[i].Node = r.node.Name
		folder, ok := r.folderOf(e)
		if !ok {
			continue
		}
		dir, remove, failed := folder.NewStage(ctx)
		if failed != nil {
			to[i], err = buildcache.Entry{}, errors.Join(err, e.Failed(ctx, failed, r.env.Progress.Note))
			continue
		}
		*made, exports[i].Dir, to[i].Folder = append(*made, remove), dir, dir
	}
	return to, exports, err
}

// folderOf returns the folder where the nodes' exports to a destination are joined, if it is one.
func (w task) folderOf(e buildcache.Entry) (cachejoin.Folder, bool) {
	at, _ := w.joinedAt(e)
	folder, ok := at.Place.(cachejoin.Folder)
	return folder, ok
}

// cleanCaches removes from joined caches in folders what they no longer need, where the user asks for that.
func (w task) cleanCaches(ctx context.Context) {
	for _, e := range w.req.Cache.To {
		folder, ok := w.folderOf(e)
		if !ok || !e.Resets() {
			continue
		}
		if err := folder.Clean(ctx); err != nil {
			w.env.Progress.Note(diag.Warningf("the cache %s keeps what it no longer needs: %v", e, err))
		}
	}
}

// joinCaches joins the nodes' exports to each destination. exported has them by node and destination; one without a digest is none.
func (w task) joinCaches(ctx context.Context, exported [][]cachejoin.Export) error {
	errs := make([]error, len(w.req.Cache.To))
	ask(len(errs), func(i int) {
		e := w.req.Cache.To[i]
		at, ok := w.joinedAt(e)
		var exports []cachejoin.Export
		for _, of := range exported {
			if of[i].Manifest != "" {
				exports = append(exports, of[i])
			}
		}
		if ok && len(exports) > 0 {
			errs[i] = e.Failed(ctx, at.Join(ctx, exports), w.env.Progress.Note)
		}
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

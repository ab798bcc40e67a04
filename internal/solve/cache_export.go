package solve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// CacheError says that everything was built, and that a cache could not be exported. No tag was moved.
type CacheError struct {
	To  CacheEntry
	Err error
}

func (e *CacheError) Error() string {
	return fmt.Sprintf("the build cache could not be exported to %s: %v", e.To, e.Err)
}
func (e *CacheError) Unwrap() error { return e.Err }

// closing exports the caches when all platforms are built. Solves that exported to one place, a platform each, would overwrite one
// another, so each destination gets a solve of its own over all platforms, which asks once more for what their solves have just made, by
// the very definitions that they had, and exports nothing but the cache of it. A [keeper] still holds all of it: nothing is run, read
// or resolved again.
type closing struct {
	*nodeRun
	made    []platform.Platform
	results []solved
	pins    pins
}

// newClosing is about the platforms that were made.
func newClosing(r *nodeRun, results []solved, p pins) closing {
	c := closing{nodeRun: r, pins: p}
	for i, s := range results {
		if s.err == nil {
			c.made, c.results = append(c.made, r.targets[i]), append(c.results, s)
		}
	}
	return c
}

// export does all destinations at once. Its error is a [CacheError], or several, or the cause of ctx.
func (c closing) export(ctx context.Context, to []CacheEntry) error {
	var mu sync.Mutex
	var failed []error
	var exports sync.WaitGroup
	one := func(e CacheEntry, targets []int) {
		exports.Go(func() {
			err := c.one(ctx, e, targets)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
			case e.IgnoreError() && ctx.Err() == nil:
				c.env.Progress.Note("warning: " + (&CacheError{e, err}).Error())
			default:
				failed = append(failed, &CacheError{e, err})
			}
		})
	}
	for _, e := range to {
		if e.Type == "inline" {
			continue
		}
		var all []int
		for i, p := range c.made {
			if e.marked() {
				one(e.of(p), []int{i})
			}
			all = append(all, i)
		}
		if !e.marked() {
			one(e, all)
		}
	}
	exports.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(failed...)
}

// one exports what the targets, by their indexes, have made.
func (c closing) one(ctx context.Context, to CacheEntry, targets []int) error {
	opt, err := c.quiet(c.pins)
	if err != nil {
		return err
	}
	names := make([]string, len(targets))
	for i, t := range targets {
		names[i] = platform.Format(c.made[t])
	}
	opt.FrontendAttrs["platform"] = strings.Join(names, ",")
	opt.CacheExports = []client.CacheOptionsEntry{to.option()}
	delete(opt.CacheExports[0].Attrs, "ignore-error") // or BuildKit would not say what went wrong
	exporting := newExcerpt(c.env.Progress, to.IgnoreError(), func(v *client.Vertex) string {
		if strings.HasPrefix(v.Name, "exporting ") { // "exporting cache to registry": solver/llbsolver/export.go
			return "exporting the build cache to " + to.String()
		}
		return ""
	})
	_, err = runSolve(ctx, c.node.Solver, opt, func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
		return c.result(ctx, gw, targets)
	}, exporting.see)
	return err
}

// result is one result of several platforms, as the frontend makes it where it is asked for several.
func (c closing) result(ctx context.Context, gw gateway.Client, targets []int) (*gateway.Result, error) {
	res := gateway.NewResult()
	var all exptypes.Platforms
	for _, t := range targets {
		if c.results[t].def == nil {
			continue // FROM scratch and nothing else
		}
		ref, err := evaluated(ctx, gw, gateway.SolveRequest{Definition: c.results[t].def.ToPB()})
		if err != nil {
			return nil, err
		}
		id := platform.Format(c.made[t])
		res.AddRef(id, ref)
		all.Platforms = append(all.Platforms, exptypes.Platform{ID: id, Platform: c.made[t]})
	}
	if len(all.Platforms) == 0 {
		return res, nil
	}
	meta, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	res.AddMeta(exptypes.ExporterPlatformsKey, meta)
	return res, nil
}

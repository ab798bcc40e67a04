package solve

import (
	"context"

	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// optional tells whether the result can do without the platform.
func (r Request) optional(p platform.Platform) bool {
	return platform.Contains(r.AllowPartial, p)
}

// install makes a node run what its jobs lack. Where that cannot be had for all, it is tried without what optional platforms need:
// an emulator that nobody offers must not keep the others away.
func (r *nodeRun) install(ctx context.Context, its plan.Plan) error {
	missing := its.Missing()
	err := r.node.Install(ctx, missing)
	needed := its.MissingOf(func(j plan.Job) bool { return !r.req.optional(j.Platform) })
	if err != nil && len(needed) > 0 && len(needed) < len(missing) {
		if again := r.node.Install(ctx, needed); again != nil {
			return again
		}
	}
	return err
}

// suffice tells whether a build can go on with these results: there are some, and what is missing is optional and missing for reasons
// of its own.
func (w task) suffice(results []solved) bool {
	some := false
	for i, r := range results {
		if r.err != nil && !w.dispensable(i, r.err) {
			return false
		}
		some = some || r.err == nil
	}
	return some
}

// dispensable: the result can do without the platform that failed so.
func (w task) dispensable(i int, err error) bool {
	return w.req.optional(w.targets[i]) && failure.ItsOwn(err)
}

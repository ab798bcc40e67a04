package solve

import (
	"context"
	"errors"
	"slices"

	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc/codes"

	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// optional tells whether the result can do without the platform.
func (r Request) optional(p platform.Platform) bool {
	return platform.Contains(r.AllowPartial, p)
}

// install makes the node run what a plan lacks. Where that cannot be had for all, it is tried without what optional platforms need:
// an emulator that nobody offers must not keep the others away.
func (c clearing) install(ctx context.Context, planned plan.Plan) error {
	missing := planned.Missing()
	err := c.env.Node.Install(ctx, missing)
	needed := planned.MissingOf(func(j plan.Job) bool { return !c.req.optional(j.Platform) })
	if err != nil && len(needed) > 0 && len(needed) < len(missing) {
		if again := c.env.Node.Install(ctx, needed); again != nil {
			return again
		}
	}
	return err
}

// spare leaves what refuses a build to the platforms that it is about, by their index, if the build can do without all of them. What is
// left is an error.
func (c clearing) spare(planned plan.Plan, found []Finding) (errs []error, _ error) {
	found = slices.DeleteFunc(slices.Clone(found), func(f Finding) bool { return f.Hint })
	required := func(p platform.Platform) bool { return !c.req.optional(p) }
	refused := slices.DeleteFunc(slices.Clone(found), func(f Finding) bool {
		return len(f.Platforms) > 0 && !slices.ContainsFunc(f.Platforms, required)
	})
	if len(refused) > 0 {
		return nil, &PreflightError{Findings: refused}
	}
	if len(found) == 0 {
		return nil, nil
	}
	errs = make([]error, len(c.targets))
	for i, target := range c.targets {
		for _, f := range found {
			if !platform.Contains(f.Platforms, target) {
				continue
			}
			errs[i] = f.Err
			if cannot, ok := errors.AsType[*CannotRunError](f.Err); ok {
				missing := plan.Plan{Jobs: planned.Jobs[i : i+1]}.Missing()
				errs[i] = &CannotRunError{Node: cannot.Node, Platforms: missing, Tests: planned.Jobs[i].ForTests, Err: cannot.Err}
			}
		}
	}
	return errs, nil
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
func (w task) dispensable(i int, err error) bool { return w.req.optional(w.targets[i]) && itsOwn(err) }

// itsOwn tells a platform's own failure from one that could as well have met another: of the registry that is pushed to, of the place
// where files are written, of the connection to the builder.
func itsOwn(err error) bool {
	if _, ok := errors.AsType[*sink.OutputError](err); ok {
		return false
	}
	return !pushFailed(err) && grpcerrors.Code(err) != codes.Unavailable
}

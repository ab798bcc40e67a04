package build

import (
	"context"
	"errors"
	"slices"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// optional tells whether the result can do without the platform.
func (r Request) optional(p platform.Platform) bool {
	return slices.ContainsFunc(r.AllowPartial, func(q platform.Platform) bool { return platform.Equal(p, q) })
}

// install makes the node run what a plan lacks. Where that cannot be had for all, it is tried without what optional platforms need:
// an emulator that nobody offers must not keep the others away.
func (c clearing) install(ctx context.Context, plan Plan) error {
	missing := plan.Missing()
	err := c.env.Node.Install(ctx, missing)
	needed := plan.missing(func(j Job) bool { return !c.req.optional(j.Platform) })
	if err != nil && len(needed) > 0 && len(needed) < len(missing) {
		if again := c.env.Node.Install(ctx, needed); again != nil {
			return again
		}
	}
	return err
}

// spare leaves a plan's [CannotRunError] to the platforms that it is about, if the build can do without all of them.
func (c clearing) spare(plan Plan, err error) (errs []error, _ error) {
	cannot, ok := errors.AsType[*CannotRunError](err)
	if !ok {
		return nil, err
	}
	errs = make([]error, len(plan.Jobs))
	for i, j := range plan.Jobs {
		switch {
		case len(j.Missing) == 0:
		case !c.req.optional(j.Platform):
			return nil, err
		default:
			errs[i] = &CannotRunError{Node: cannot.Node, Platforms: j.Missing, Tests: j.ForTests, Err: cannot.Err}
		}
	}
	return errs, nil
}

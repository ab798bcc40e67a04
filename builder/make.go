package builder

import (
	"context"
	"fmt"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// CreateOptions say how a builder is made.
type CreateOptions struct {
	Change bool // one that exists is changed to what the spec says; what that leaves unsaid stays
	Start  bool // BuildKit is started, and awaited
}

// Create makes a builder as spec says and takes its name on the engine. Without
// opt.Start its container is complete and does not run; the first build starts
// it. A builder that is there already is [ErrExists]. When it cannot be started,
// its container is removed again. report is as in [Ensure].
func Create(ctx context.Context, eng *engine.Engine, spec Spec, opt CreateOptions, report func(line string)) error {
	spec = spec.withDefaults()
	if err := CheckName(spec.Name); err != nil {
		return err
	}
	k := newKeeper(eng, spec, report)
	k.fresh, k.asleep = !opt.Change, !opt.Start
	node, err := k.ensure(ctx)
	if err != nil {
		return fmt.Errorf("builder %q: %w", spec.Name, err)
	}
	if node != nil {
		return node.Close()
	}
	return nil
}

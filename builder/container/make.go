package container

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// CreateOptions say how a builder is made.
type CreateOptions struct {
	Change bool // one that exists is changed to what the spec says; what that leaves unsaid stays
	Start  bool // BuildKit is started, and awaited
}

// Create makes a builder as spec says and takes its name on the engine. Without
// opt.Start its container is complete and does not run; the first build starts
// it. A builder that is there already is [ErrExists]. When it fails, what it has
// made is removed again. A network that spec asks for is that of all builds from
// then on. report is as in [builder.Driver].
func Create(ctx context.Context, eng *engine.Engine, spec Spec, opt CreateOptions, report func(line string)) error {
	spec = spec.withDefaults()
	if err := builder.CheckName(spec.Builder); err != nil {
		return err
	}
	if err := createSides(ctx, eng, spec, opt, report); err != nil {
		return fmt.Errorf("builder %q: %w", spec.Builder, err)
	}
	return nil
}

// createSides makes the general side. Where the other one is there already, it is changed with it.
func createSides(ctx context.Context, eng *engine.Engine, spec Spec, opt CreateOptions, report func(line string)) error {
	if err := eng.Answers(ctx); err != nil {
		return err
	}
	other, err := observe(ctx, eng, spec.Builder, onHost)
	if err != nil {
		return err
	}
	if other.ID != "" && !opt.Change {
		return ErrExists
	}
	if err := createSide(ctx, newReconciler(eng, spec, report), opt); err != nil || other.ID == "" {
		return err
	}
	k := newReconciler(eng, spec, report)
	k.spec.Host.Asked, k.spec.Options = true, maps.Clone(spec.Options)
	delete(k.spec.Options, optNetwork)
	k.side = onHost
	return createSide(ctx, k, opt)
}

func createSide(ctx context.Context, k *reconciler, opt CreateOptions) error {
	k.kind.keeps, k.kind.fresh, k.kind.asleep = k.side == general, !opt.Change, !opt.Start
	node, err := k.ensure(ctx)
	if err != nil {
		if k.made.created != "" {
			err = errors.Join(err, ignoreMoved(k.undo(ctx, k.made.created)))
		}
		return err
	}
	if node != nil {
		return node.Close()
	}
	return nil
}

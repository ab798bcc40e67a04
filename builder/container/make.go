package container

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// CreateOptions are the options of Create.
type CreateOptions struct {
	Change bool // change an existing builder to the spec; settings that are not given stay
	Start  bool // start BuildKit and wait for it
}

// Create makes a builder from spec and takes its name on the engine. Without opt.Start its container is
// complete and does not run; the first build starts it. If the builder exists already, the error is
// [ErrExists]. When Create fails, it removes what it has made. A network that spec requests applies to
// all later builds. report is as in [builder.Driver].
func Create(ctx context.Context, eng *engine.Engine, spec Spec, opt CreateOptions, report func(line string)) error {
	spec = spec.withDefaults()
	if err := builder.CheckName(spec.Builder); err != nil {
		return err
	}
	if err := createSides(ctx, eng, spec, opt, report); err != nil {
		return fmt.Errorf("%s: %w", spec.Endpoint, err)
	}
	return nil
}

// createSides makes the general side. If the other side exists, it is changed too.
func createSides(ctx context.Context, eng *engine.Engine, spec Spec, opt CreateOptions, report func(line string)) error {
	if err := eng.Answers(ctx); err != nil {
		return err
	}
	other, err := observe(ctx, eng, spec.Endpoint, onHost)
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
	k.spec.Host.Requested, k.spec.Options = true, maps.Clone(spec.Options)
	delete(k.spec.Options, optNetwork)
	k.side = onHost
	return createSide(ctx, k, opt)
}

func createSide(ctx context.Context, k *reconciler, opt CreateOptions) error {
	k.kind.keeps, k.kind.fresh, k.kind.mayBeStopped = k.side == general, !opt.Change, !opt.Start
	node, err := k.ensure(ctx)
	if err != nil {
		if k.made.created != "" {
			err = errors.Join(err, ignoreChanged(k.undo(ctx, k.made.created)))
		}
		return err
	}
	if node != nil {
		return node.Close()
	}
	return nil
}

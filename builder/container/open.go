package container

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// Opened is a node that runs for as long as it is open.
type Opened struct {
	*Node
	k *reconciler
}

// OpenOptions are the options of Open. The zero value is valid.
type OpenOptions struct {
	OnHost  bool              // the builder's container for builds that ask for the host's network
	Wait    time.Duration     // for BuildKit to answer; 0: DefaultStartWait
	Trusted []digest.Digest   // as in Spec
	Report  func(line string) // as in builder.Driver
}

// Open connects to one of a node's containers as it is, whatever settings a build would request. If
// the container does not run, Open starts it, and Close stops it again. found is false when there is
// none.
func Open(ctx context.Context, eng *engine.Engine, e builder.Endpoint, opt OpenOptions) (o *Opened, found bool, err error) {
	if err := builder.CheckName(e.Builder); err != nil {
		return nil, false, err
	}
	if isPeers(e) && opt.OnHost {
		return nil, false, nil
	}
	spec := Spec{Endpoint: e, Spec: builder.Spec{BusyWait: -1, StartWait: opt.Wait, Trusted: opt.Trusted}}
	k := newReconciler(eng, spec.withDefaults(), opt.Report)
	k.kind.asIs = true
	if opt.OnHost {
		k.side = onHost
	}
	node, err := k.ensure(ctx)
	if errors.Is(err, errNone) {
		return nil, false, nil
	}
	if err != nil {
		return nil, true, errors.Join(fmt.Errorf("%s: %w", e, err), k.stopIfIdle(ctx))
	}
	return &Opened{node, k}, true, nil
}

// Close drops the connection, and stops the builder if Open has started it and it is idle. It does so
// also when ctx has ended.
func (o *Opened) Close(ctx context.Context) error {
	return errors.Join(o.Node.Close(), o.k.stopIfIdle(ctx))
}

// stopIfIdle stops the container that this run has started, unless a client uses it.
func (k *reconciler) stopIfIdle(ctx context.Context) error {
	if len(k.made.started) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	have, err := k.observe(ctx)
	if err != nil || !k.made.started[have.ID] {
		return err
	}
	if have.running() && k.awaitIdle(ctx, have, step{}) != nil {
		return nil // another client uses it and is responsible for it from here on
	}
	k.say("stopping")
	return ignoreChanged(k.eng.StopContainer(ctx, have.ID, stopSeconds))
}

package container

import (
	"context"
	"errors"
	"fmt"

	"github.com/docker-multiarch/docker-multiarch/builder"
)

// PeerDriver connects to BuildKits in containers that docker buildx has made, as they are. A container that does not run is started.
// None is made, changed or removed.
type PeerDriver struct{ Driver }

// PeerMissingError means that the container of a builder of docker buildx does not exist.
type PeerMissingError struct{ Builder, Container, Engine string }

func (e *PeerMissingError) Error() string {
	return fmt.Sprintf("its container %q is not on the engine at %s", e.Container, e.Engine)
}

// errPeers is the error for what only docker buildx does with its builders.
var errPeers = errors.New("docker buildx has made its container")

// Connect implements [builder.Driver].
func (d PeerDriver) Connect(ctx context.Context, e builder.Endpoint, want builder.Spec, report func(line string)) (*builder.Node, error) {
	n, err := d.connect(ctx, e, want, report)
	if refused, ok := errors.AsType[refusedError](err); ok {
		return nil, refused.error
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e, err)
	}
	return n, nil
}

func (d PeerDriver) connect(ctx context.Context, e builder.Endpoint, want builder.Spec, report func(line string)) (*builder.Node, error) {
	if err := want.CheckConnectOnly(errPeers); err != nil {
		return nil, err
	}
	eng, err := d.Engine(e.Address)
	if err != nil {
		return nil, err
	}
	k := newReconciler(eng, Spec{Endpoint: e, Spec: want, Probes: d.probes()}.withDefaults(), report)
	k.kind.asIs, k.kind.keeps = true, true
	n, err := k.ensure(ctx)
	if errors.Is(err, errNone) {
		return nil, &PeerMissingError{e.Builder, peerContainer(e), eng.Host()}
	}
	if err != nil {
		return nil, err
	}
	if builder.TooOld(n.Version, k.spec.MinVersion) {
		return nil, errors.Join(fmt.Errorf("its BuildKit is %s, and %s or newer is needed", n.Version, k.spec.MinVersion), n.Close())
	}
	node := k.described(n)
	node.Engine.ImageID, node.Warnings = "", nil // its image was not judged
	if node.OnHost {
		node.Warnings = []string{"RUN steps see the host's network: docker buildx has put the builder on it"}
	}
	return node, nil
}

// Inspect implements [builder.Manager].
func (d PeerDriver) Inspect(ctx context.Context, e builder.Endpoint, depth builder.Depth) ([]builder.Details, error) {
	all, err := d.Driver.Inspect(ctx, e, depth)
	for i := range all {
		s := &all[i].Status
		s.Builder, s.Node, s.Driver, s.Options = e.Builder, e.Index, DriverName, e.Options
		s.Container, s.Volume = peerContainer(e), peerContainer(e)+"_state"
	}
	return all, err
}

// Remove implements [builder.Manager]. It removes nothing.
func (d PeerDriver) Remove(context.Context, builder.Endpoint, builder.RemoveOptions) (bool, error) {
	return false, fmt.Errorf("%w, and removes it", errPeers)
}

package container

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// stop stops a node, even during a build; the next build starts it again. found is false when there
// is none.
func stop(ctx context.Context, eng *engine.Engine, e builder.Endpoint) (found bool, err error) {
	return eachSide(func(s side) (bool, error) { return stopSide(ctx, eng, e, s) })
}

// eachSide calls do for both sides of a node, also when it fails for one. found is true if do found
// either.
func eachSide(do func(side) (bool, error)) (found bool, err error) {
	for _, s := range sides() {
		had, serr := do(s)
		found, err = found || had, errors.Join(err, serr)
	}
	return found, err
}

func stopSide(ctx context.Context, eng *engine.Engine, e builder.Endpoint, s side) (found bool, err error) {
	c, found, err := ownContainer(ctx, eng, e, s)
	if err != nil || !found {
		return false, err
	}
	if c.State != nil && c.State.Paused {
		if err := eng.UnpauseContainer(ctx, c.ID); err != nil {
			return true, fmt.Errorf("%s: %w", e, err)
		}
	}
	if err := eng.StopContainer(ctx, c.ID, stopSeconds); err != nil {
		return true, fmt.Errorf("%s: %w", e, err)
	}
	return true, nil
}

// remove removes a node, even during a build, and the leftovers of an interrupted creation. With
// keepState its volume stays, and the next creation of the node uses it. found is false when there
// was nothing to remove. trusted is as in Spec.
func remove(ctx context.Context, eng *engine.Engine, e builder.Endpoint, keepState bool, trusted []digest.Digest) (found bool, err error) {
	return eachSide(func(s side) (bool, error) { return removeSide(ctx, eng, e, s, keepState, trusted) })
}

func removeSide(ctx context.Context, eng *engine.Engine, e builder.Endpoint, s side, keepState bool, trusted []digest.Digest) (found bool, err error) {
	c, found, err := ownContainer(ctx, eng, e, s)
	if err != nil {
		return false, err
	}
	if found {
		removeBridge(ctx, eng, c, e, s, trusted)
		if err := retire(ctx, eng, c.ID); err != nil {
			return true, fmt.Errorf("%s: %w", e, err)
		}
	}
	leftovers, err := eng.ListContainers(ctx, labelBuilder+"="+e.Builder)
	if err != nil {
		return found, fmt.Errorf("%s: %w", e, err)
	}
	for _, l := range leftovers {
		if len(l.Names) == 0 || !beingPrepared(e, s, strings.TrimPrefix(l.Names[0], "/")) {
			continue
		}
		if err := eng.RemoveContainer(ctx, l.ID); err != nil {
			return found, fmt.Errorf("%s: %w", e, err)
		}
		found = true
	}
	if keepState {
		return found, nil
	}
	removed, err := eng.RemoveVolume(ctx, s.volume(e))
	if err != nil {
		return found, fmt.Errorf("%s: %w", e, err)
	}
	return found || removed, nil
}

// beingPrepared reports whether a container, by its name, was to become this side of a node.
func beingPrepared(e builder.Endpoint, s side, container string) bool {
	other := onHost.container(e)
	if s == general && (container == other || strings.HasPrefix(container, other+"-")) {
		return false
	}
	return strings.HasPrefix(container, s.container(e)+"-")
}

// removeBridge removes the interface of a builder on the host's network from the host. BuildKit does so
// itself only if it created the interface, which it has not after a restart. If the builder does not
// run, a container of its image removes the interface, if that image may run with privileges. A failure
// does not stop the removal of the builder.
func removeBridge(ctx context.Context, eng *engine.Engine, c container.InspectResponse, e builder.Endpoint, s side, trusted []digest.Digest) {
	have := convert(c, e)
	if have.Settings.Network != hostNetwork || !have.Image.Bridge {
		return
	}
	info, err := eng.Info(ctx)
	if err != nil {
		return
	}
	remove := []string{"ip", "link", "delete", buildkitd.BridgeFor(info.ID, s.bridge(e)).Name}
	if have.running() {
		_, _ = eng.Exec(ctx, c.ID, remove, nil)
		return
	}
	if !mayRun(ctx, eng, c, e, trusted) {
		return
	}
	_, _ = eng.Run(ctx, engine.RunSpec{
		Image: c.Image, Entrypoint: remove[:1], Cmd: remove[1:], Privileged: true, Network: hostNetwork,
		Labels: map[string]string{labelPart: partRemoving},
	})
}

// Exists reports whether a node exists, running or not.
func Exists(ctx context.Context, eng *engine.Engine, e builder.Endpoint) (bool, error) {
	return eachSide(func(s side) (bool, error) {
		_, found, err := ownContainer(ctx, eng, e, s)
		return found, err
	})
}

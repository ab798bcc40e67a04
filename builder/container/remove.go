package container

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// stop stops a builder, even during a build; the next build starts it again. found is false when there
// is none.
func stop(ctx context.Context, eng *engine.Engine, name string) (found bool, err error) {
	return eachSide(func(s side) (bool, error) { return stopSide(ctx, eng, name, s) })
}

// eachSide calls do for both sides of a builder, also when it fails for one. found is true if do found
// either.
func eachSide(do func(side) (bool, error)) (found bool, err error) {
	for _, s := range sides() {
		had, serr := do(s)
		found, err = found || had, errors.Join(err, serr)
	}
	return found, err
}

func stopSide(ctx context.Context, eng *engine.Engine, name string, s side) (found bool, err error) {
	c, found, err := ownContainer(ctx, eng, name, s)
	if err != nil || !found {
		return false, err
	}
	if c.State != nil && c.State.Paused {
		if err := eng.UnpauseContainer(ctx, c.ID); err != nil {
			return true, fmt.Errorf("builder %q: %w", name, err)
		}
	}
	if err := eng.StopContainer(ctx, c.ID, stopSeconds); err != nil {
		return true, fmt.Errorf("builder %q: %w", name, err)
	}
	return true, nil
}

// remove removes a builder, even during a build, and the leftovers of an interrupted creation. With
// keepState its volume stays, and the next creation of the builder uses it. found is false when there
// was nothing to remove. trusted is as in Spec.
func remove(ctx context.Context, eng *engine.Engine, name string, keepState bool, trusted []digest.Digest) (found bool, err error) {
	return eachSide(func(s side) (bool, error) { return removeSide(ctx, eng, name, s, keepState, trusted) })
}

func removeSide(ctx context.Context, eng *engine.Engine, name string, s side, keepState bool, trusted []digest.Digest) (found bool, err error) {
	c, found, err := ownContainer(ctx, eng, name, s)
	if err != nil {
		return false, err
	}
	if found {
		removeBridge(ctx, eng, c, name, s, trusted)
		if err := retire(ctx, eng, c.ID); err != nil {
			return true, fmt.Errorf("builder %q: %w", name, err)
		}
	}
	leftovers, err := eng.ListContainers(ctx, labelBuilder+"="+name)
	if err != nil {
		return found, fmt.Errorf("builder %q: %w", name, err)
	}
	for _, l := range leftovers {
		if len(l.Names) == 0 || !beingPrepared(name, s, strings.TrimPrefix(l.Names[0], "/")) {
			continue
		}
		if err := eng.RemoveContainer(ctx, l.ID); err != nil {
			return found, fmt.Errorf("builder %q: %w", name, err)
		}
		found = true
	}
	if keepState {
		return found, nil
	}
	removed, err := eng.RemoveVolume(ctx, s.volume(name))
	if err != nil {
		return found, fmt.Errorf("builder %q: %w", name, err)
	}
	return found || removed, nil
}

// beingPrepared reports whether a container, by its name, was to become this side of a builder.
func beingPrepared(builder string, s side, container string) bool {
	other := onHost.container(builder)
	if s == general && (container == other || strings.HasPrefix(container, other+"-")) {
		return false
	}
	return strings.HasPrefix(container, s.container(builder)+"-")
}

// removeBridge removes the interface of a builder on the host's network from the host. BuildKit does so
// itself only if it created the interface, which it has not after a restart. If the builder does not
// run, a container of its image removes the interface, if that image may run with privileges. A failure
// does not stop the removal of the builder.
func removeBridge(ctx context.Context, eng *engine.Engine, c container.InspectResponse, name string, s side, trusted []digest.Digest) {
	have := convert(c, name)
	if have.Settings.Network != hostNetwork || !have.Image.Bridge {
		return
	}
	info, err := eng.Info(ctx)
	if err != nil {
		return
	}
	remove := []string{"ip", "link", "delete", buildkitd.BridgeFor(info.ID, name+string(s)).Name}
	if have.running() {
		_, _ = eng.Exec(ctx, c.ID, remove, nil)
		return
	}
	if !mayRun(ctx, eng, c, name, trusted) {
		return
	}
	_, _ = eng.Run(ctx, engine.RunSpec{
		Image: c.Image, Entrypoint: remove[:1], Cmd: remove[1:], Privileged: true, Network: hostNetwork,
		Labels: map[string]string{labelPart: partRemoving},
	})
}

// Exists reports whether a builder of that name exists, running or not.
func Exists(ctx context.Context, eng *engine.Engine, name string) (bool, error) {
	return eachSide(func(s side) (bool, error) {
		_, found, err := ownContainer(ctx, eng, name, s)
		return found, err
	})
}

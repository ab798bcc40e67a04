package container

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/mount"

	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

const (
	// resolvedDir is where systemd-resolved keeps the resolv.conf with its upstream name servers.
	resolvedDir = "/run/systemd/resolve"

	stopSeconds    = 10 // time for buildkitd to end its work
	cleanupTimeout = 20 * time.Second
)

// made records the changes that a run has made to the engine, and what it learned from them.
type made struct {
	started    map[string]bool // containers that this run started
	created    string          // the container that this run created
	newVolume  bool            // the container that this run created has a new volume
	noBridge   bool            // BuildKit's bridge cannot be set up here
	noResolved bool            // the engine's host has no resolvedDir
}

// create makes the container, complete but not started, in the place of old, if there is one. Until
// everything that can fail is done, the container has a temporary name and the old one is left alone;
// then the old one is removed and the new one renamed. If another client has taken the name, create
// removes its own container.
func (k *reconciler) create(ctx context.Context, old observed) (rerr error) {
	plan, err := k.plan(ctx, old)
	if err != nil {
		return err
	}
	name := k.container()
	plan.Name = name + "-" + randomSuffix()
	gone, err := k.recorded(ctx, plan.Name, old.ID == "")
	if err != nil {
		return err
	}
	id, err := k.createContainer(ctx, plan)
	if err != nil {
		gone()
		return k.privilege(err)
	}
	published := false
	defer func() {
		if published || k.undo(ctx, id) == nil { // the earlier error is the one to return
			gone()
		}
	}()
	if err := copyFiles(ctx, k.eng, id, plan.files); err != nil {
		return err
	}
	if old.ID != "" {
		if err := retire(ctx, k.eng, old.ID); err != nil {
			return err
		}
	}
	err = k.eng.RenameContainer(ctx, id, name)
	if cerrdefs.IsConflict(err) {
		return nil // another client was faster: the next observation finds its container
	}
	if err != nil {
		return err
	}
	published = true
	k.made.created = id
	return nil
}

// recorded records a container that will have this name for a time, and its volume if that is new. gone
// ends the record.
func (k *reconciler) recorded(ctx context.Context, name string, first bool) (gone func(), err error) {
	container := k.eng.Temporary(ctx, engine.AContainer, name)
	if !first {
		return container, nil
	}
	volume := k.side.volume(k.spec.Endpoint)
	has, err := k.eng.HasVolume(ctx, volume)
	if err != nil {
		container()
		return nil, err
	}
	if k.made.newVolume = k.made.newVolume || !has; !k.made.newVolume {
		return container, nil
	}
	made := k.eng.Temporary(ctx, engine.AVolume, volume)
	return func() {
		container()
		made()
	}, nil
}

// createContainer makes the container. If RUN steps have a bridge, the container
// gets a mount of the host's directory that systemd-resolved writes, if there is one: BuildKit reads
// there the name servers that RUN steps can reach, where /etc/resolv.conf has only resolved's own
// address on loopback (executor/oci/resolvconf.go).
func (k *reconciler) createContainer(ctx context.Context, p plan) (id string, err error) {
	if !p.bridged || k.made.noResolved {
		return k.eng.CreateContainer(ctx, p.ContainerCreateOptions)
	}
	plain := *p.HostConfig
	p.HostConfig.Mounts = append(slices.Clone(plain.Mounts), mount.Mount{Type: mount.TypeBind, Source: resolvedDir, Target: resolvedDir, ReadOnly: true})
	id, err = k.eng.CreateContainer(ctx, p.ContainerCreateOptions)
	if err != nil && strings.Contains(err.Error(), resolvedDir) { // the engine's host does not have it
		p.HostConfig = &plain
		id, err = k.eng.CreateContainer(ctx, p.ContainerCreateOptions)
	}
	return id, err
}

// undo removes a container that this run has made, and its volume if that is new and unused. It does so
// also when ctx has ended.
func (k *reconciler) undo(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if err := k.eng.RemoveContainer(ctx, id); err != nil || !k.made.newVolume {
		return err
	}
	_, err := k.eng.RemoveVolume(ctx, k.side.volume(k.spec.Endpoint))
	return ignoreChanged(err)
}

// retire stops a container gracefully, so that buildkitd closes its databases and removes its bridge,
// and then removes the container. Its volume stays.
func retire(ctx context.Context, eng *engine.Engine, id string) error {
	if err := ignoreChanged(eng.StopContainer(ctx, id, stopSeconds)); err != nil {
		return err
	}
	return eng.RemoveContainer(ctx, id)
}

func randomSuffix() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails: see its documentation
	return hex.EncodeToString(b[:])
}

// start starts the container. If systemd-resolved has gone from the engine's host since the container
// was made, start makes the container again. Some engines report only here that the directory is
// missing.
func (k *reconciler) start(ctx context.Context, have observed) error {
	k.made.started[have.ID] = true
	err := k.privilege(ignoreChanged(k.eng.StartContainer(ctx, have.ID)))
	if _, refused := errors.AsType[*PrivilegeError](err); refused && have.ID == k.made.created {
		return errors.Join(err, k.undo(ctx, have.ID))
	}
	if err == nil || k.made.noResolved || k.kind.asIs || !strings.Contains(err.Error(), resolvedDir) {
		return err
	}
	if err := k.may(ctx); err != nil {
		return err
	}
	k.made.noResolved = true
	return k.create(ctx, have)
}

// unbridged makes the container again without the bridge if BuildKit ended because of the bridge.
func (k *reconciler) unbridged(ctx context.Context, now observed, lines []string) (done bool, err error) {
	i := slices.IndexFunc(lines, buildkitmsg.IsBridgeFailure)
	if i < 0 || !now.Image.Bridge || now.Settings.Network != hostNetwork {
		return false, nil
	}
	k.say("starting without BuildKit's bridge network, which cannot be set up on its host: " + strings.TrimPrefix(lines[i], "buildkitd: "))
	k.made.noBridge = true
	return true, k.create(ctx, now)
}

// copyFiles puts files, by absolute path, into a container.
func copyFiles(ctx context.Context, eng *engine.Engine, id string, files map[string][]byte) error {
	archive, err := buildkitd.Archive(files)
	if err != nil {
		return err
	}
	return eng.CopyTo(ctx, id, "/", bytes.NewReader(archive))
}

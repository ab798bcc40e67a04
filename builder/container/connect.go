package container

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/docker-multiarch/docker-multiarch/builder/link"
)

// connect waits until the BuildKit of an observed container answers. It returns
// errChanged when the container is no longer there or no longer runs. The engine may
// start BuildKit again once without an error, unless this run has started it: it ended
// before, for a reason that another command has said.
func (k *reconciler) connect(ctx context.Context, have observed) (*Node, error) {
	if l, ok := k.early.take(k.container()); ok {
		return k.node(have, l), nil
	}
	wait := k.startWait(have)
	wctx, cancel := context.WithTimeoutCause(ctx, wait, context.DeadlineExceeded)
	defer cancel()
	first := have
	pause, direct := newPause(), time.Time{}
	if k.local() && k.startedHere(have) {
		direct = time.Now().Add(directOnly)
	}
	for {
		to := k.target(have)
		if to.direct = direct; time.Now().Before(direct) {
			pause.next = newPause().next // it costs nothing to try again
		}
		l, err := to.connect(wctx)
		if err == nil {
			return k.node(have, l), nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if missingProgram(err) {
			return nil, fmt.Errorf("its image %q cannot be used: %w", have.Image.Ref, err)
		}
		now, ierr := k.observe(ctx)
		switch {
		case ierr != nil:
			return nil, ierr
		case now.ID != first.ID:
			return nil, errChanged
		case k.ends(first, now):
			return nil, k.crashed(ctx, now)
		case !now.running() && now.State != container.StateRestarting:
			return nil, errChanged
		}
		have = now
		if pause.wait(wctx) != nil {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			return nil, fmt.Errorf("BuildKit does not answer after %s: %w%s", wait, err, logExcerpt(k.logs(ctx, have.ID)))
		}
	}
}

// directOnly is how long a BuildKit that was started is reached for without a command. It listens after some tenths of a second.
const directOnly = 2 * time.Second

// ends reports whether BuildKit keeps ending by itself. first is the container as this run has found it.
func (k *reconciler) ends(first, now observed) bool {
	times := now.Restarts - first.Restarts
	if k.startedHere(first) {
		return times > 0 || now.State == container.StateRestarting
	}
	return times > 1
}

// startedHere reports whether this run has created or started the container.
func (k *reconciler) startedHere(c observed) bool {
	return k.made.started[c.ID] || c.ID == k.made.created
}

// wedgedWait is how long a BuildKit that this run has not started may take to answer. It may be starting
// all the same, for another client.
const wedgedWait = 20 * time.Second

// startWait is how long a running container's BuildKit may take to answer.
func (k *reconciler) startWait(have observed) time.Duration {
	if k.startedHere(have) {
		return k.spec.StartWait
	}
	return min(k.spec.StartWait, wedgedWait)
}

func (k *reconciler) target(have observed) target {
	return target{eng: k.eng, id: have.ID, pid: have.PID, local: k.local()}
}

// local reports whether the shortcut to BuildKit's socket may be tried.
func (k *reconciler) local() bool {
	return !k.spec.ExecOnly && localEngine(k.eng.Host())
}

// missingProgram reports whether a runtime's error means that a program does not exist.
func missingProgram(err error) bool {
	return strings.Contains(err.Error(), "executable file not found")
}

func (k *reconciler) node(have observed, l *link.Link) *Node {
	w := l.Workers[0]
	n := &Node{
		Endpoint:   k.spec.Endpoint,
		Container:  k.container(),
		Image:      have.Image.Ref,
		ImageID:    have.ImageID,
		Worker:     w.ID,
		Version:    w.BuildkitVersion.Version,
		Platforms:  w.Platforms,
		Network:    have.Settings.Network,
		HostChosen: have.Settings.Chosen == chosenByFlag || k.spec.Options[optNetwork] == hostNetwork,
		NCPU:       k.info.NCPU,
		blobs:      blobsOf(w),
		target:     k.target(have),
		restarts:   have.Restarts,
		link:       l,
	}
	if n.Network == hostNetwork && !have.Image.Bridge {
		n.Warnings = append(n.Warnings, hostNetworkWarning(have.Image))
	}
	return n
}

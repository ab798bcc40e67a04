package engine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// CreateContainer creates a container and returns its ID. The error is a conflict (errdefs) when the name is taken, and "not
// found" when the engine lacks the image. If ctx ends while the engine is at work, the call continues for some seconds: otherwise the
// container could exist without its ID being known.
func (e *Engine) CreateContainer(ctx context.Context, opt client.ContainerCreateOptions) (string, error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		t := time.NewTimer(cleanupTimeout)
		defer t.Stop()
		select {
		case <-t.C:
			cancel()
		case <-late.Done():
		}
	})
	defer stop()
	late, done := e.watch.attend(late)
	defer done()
	res, err := e.api.ContainerCreate(late, opt)
	if err != nil {
		return "", failed(late, "create container", err)
	}
	return res.ID, nil
}

// StartContainer starts a container; one that runs already is left alone.
func (e *Engine) StartContainer(ctx context.Context, name string) error {
	ctx, done := e.watch.attend(ctx)
	defer done()
	_, err := e.api.ContainerStart(ctx, name, client.ContainerStartOptions{})
	return failed(ctx, fmt.Sprintf("start container %q", name), err)
}

// UnpauseContainer resumes a paused container.
func (e *Engine) UnpauseContainer(ctx context.Context, name string) error {
	ctx, done := e.watch.attend(ctx)
	defer done()
	_, err := e.api.ContainerUnpause(ctx, name, client.ContainerUnpauseOptions{})
	return failed(ctx, fmt.Sprintf("unpause container %q", name), err)
}

// StopContainer stops a container, killing it when it does not end within the
// given seconds. One that is stopped already is left alone.
func (e *Engine) StopContainer(ctx context.Context, name string, seconds int) error {
	ctx, done := e.watch.attend(ctx)
	defer done()
	_, err := e.api.ContainerStop(ctx, name, client.ContainerStopOptions{Timeout: &seconds})
	return failed(ctx, fmt.Sprintf("stop container %q", name), err)
}

// RemoveContainer kills and removes a container and its anonymous volumes; named volumes stay. It is not an error if the container is
// gone, or is being removed by another client.
func (e *Engine) RemoveContainer(ctx context.Context, name string) error {
	ctx, done := e.watch.attend(ctx)
	defer done()
	_, err := e.api.ContainerRemove(ctx, name, client.ContainerRemoveOptions{RemoveVolumes: true, Force: true})
	if cerrdefs.IsNotFound(err) || cerrdefs.IsConflict(err) {
		return nil
	}
	return failed(ctx, fmt.Sprintf("remove container %q", name), err)
}

// InspectContainer describes a container; found is false when there is none with that name or ID.
func (e *Engine) InspectContainer(ctx context.Context, name string) (c container.InspectResponse, found bool, err error) {
	ctx, done := e.watch.attend(ctx)
	defer done()
	res, err := e.api.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	if cerrdefs.IsNotFound(err) {
		return c, false, nil
	}
	if err != nil {
		return c, false, failed(ctx, fmt.Sprintf("inspect container %q", name), err)
	}
	return res.Container, true, nil
}

// ListContainers lists containers, running or not, that have the label (a key,
// or "key=value").
func (e *Engine) ListContainers(ctx context.Context, label string) ([]container.Summary, error) {
	ctx, done := e.watch.attend(ctx)
	defer done()
	res, err := e.api.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: client.Filters{}.Add("label", label),
	})
	if err != nil {
		return nil, failed(ctx, "list containers", err)
	}
	return res.Items, nil
}

// Logs returns the last lines that a container wrote, both streams together.
func (e *Engine) Logs(ctx context.Context, name string, lines int) (string, error) {
	ctx, done := e.watch.attend(ctx)
	defer done()
	op := fmt.Sprintf("read the logs of container %q", name)
	rd, err := e.api.ContainerLogs(ctx, name, client.ContainerLogsOptions{
		ShowStdout: true, ShowStderr: true, Tail: strconv.Itoa(lines),
	})
	if err != nil {
		return "", failed(ctx, op, err)
	}
	defer rd.Close()
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, rd); err != nil {
		return "", failed(ctx, op, err)
	}
	return out.String(), nil
}

// RenameContainer renames a container. The error is a conflict (errdefs) when the name is taken.
func (e *Engine) RenameContainer(ctx context.Context, id, name string) error {
	ctx, done := e.watch.attend(ctx)
	defer done()
	_, err := e.api.ContainerRename(ctx, id, client.ContainerRenameOptions{NewName: name})
	return failed(ctx, fmt.Sprintf("rename container to %q", name), err)
}

// CopyFrom returns a tar archive of a path in a container that need not run. A
// path that does not exist is "not found" (errdefs). The caller closes it.
func (e *Engine) CopyFrom(ctx context.Context, name, path string) (io.ReadCloser, error) {
	ctx, done := e.watch.attend(ctx)
	res, err := e.api.CopyFromContainer(ctx, name, client.CopyFromContainerOptions{SourcePath: path})
	if err != nil {
		defer done()
		return nil, failed(ctx, fmt.Sprintf("copy files from container %q", name), err)
	}
	return watchedStream(ctx, res.Content, done), nil
}

// CopyTo unpacks a tar archive at dir in a container that need not run.
func (e *Engine) CopyTo(ctx context.Context, name, dir string, archive io.Reader) error {
	ctx, done := e.watch.attend(ctx)
	defer done()
	_, err := e.api.CopyToContainer(ctx, name, client.CopyToContainerOptions{DestinationPath: dir, Content: archive})
	return failed(ctx, fmt.Sprintf("copy files to container %q", name), err)
}

// refusals are parts of an engine's messages about privileged containers that it does not make or start.
var refusals = []string{"privileged mode", "privileged container", "operation not permitted"}

// RefusesPrivileges reports whether a privileged container was not made or started because it is privileged. An authorization plugin, or a
// proxy, has words of its own, so its status counts as well.
func RefusesPrivileges(err error) bool {
	if err == nil {
		return false
	}
	text := strings.ToLower(err.Error())
	return cerrdefs.IsPermissionDenied(err) || slices.ContainsFunc(refusals, func(part string) bool { return strings.Contains(text, part) })
}

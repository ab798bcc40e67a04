package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"
)

// RunSpec is a container that runs once. Only Image is required.
type RunSpec struct {
	Image      string
	Entrypoint []string // nil: the image's
	Cmd        []string // nil: the image's
	Privileged bool
	Mounts     []mount.Mount
	Network    string   // "": the engine's default; "none", "host", or a network's name
	ExtraHosts []string // "name:address" lines for the hosts file
	Labels     map[string]string
	Stdin      []byte // nil: no standard input
}

// RunResult is what a command left behind. A command that fails is a result,
// not an error.
type RunResult struct {
	Stdout, Stderr []byte
	ExitCode       int
}

// Run creates a container, starts it, waits for its end and removes it with its
// anonymous volumes, also when ctx is cancelled meanwhile. The image must be on
// the engine: nothing is pulled.
func (e *Engine) Run(ctx context.Context, spec RunSpec) (_ RunResult, rerr error) {
	op := fmt.Sprintf("run image %q", spec.Image)
	id, err := e.CreateContainer(ctx, client.ContainerCreateOptions{
		Config: &container.Config{
			Image: spec.Image, Entrypoint: spec.Entrypoint, Cmd: spec.Cmd, Labels: spec.Labels,
			AttachStdout: true, AttachStderr: true,
			AttachStdin: spec.Stdin != nil, OpenStdin: spec.Stdin != nil, StdinOnce: spec.Stdin != nil,
		},
		HostConfig: &container.HostConfig{
			Privileged: spec.Privileged, Mounts: spec.Mounts, NetworkMode: container.NetworkMode(spec.Network), ExtraHosts: spec.ExtraHosts,
		},
	})
	if err != nil {
		return RunResult{}, fmt.Errorf("%s: %w", op, err)
	}
	defer func() {
		// The caller may be gone; the container must go too.
		cctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
		defer cancel()
		if err := e.RemoveContainer(cctx, id); err != nil {
			rerr = errors.Join(rerr, err)
		}
	}()
	res, err := e.runCreated(ctx, id, spec.Stdin)
	if ctx.Err() != nil {
		return RunResult{}, fmt.Errorf("%s: %w", op, context.Cause(ctx))
	}
	if err != nil {
		return RunResult{}, failed(op, err)
	}
	return res, nil
}

// runCreated attaches and asks for the exit before it starts the container, so
// that neither output nor exit status of a fast command is missed.
func (e *Engine) runCreated(ctx context.Context, id string, stdin []byte) (RunResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	att, err := e.api.ContainerAttach(ctx, id, client.ContainerAttachOptions{
		Stream: true, Stdin: stdin != nil, Stdout: true, Stderr: true,
	})
	if err != nil {
		return RunResult{}, err
	}
	defer att.Close()
	wait := e.api.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if _, err := e.api.ContainerStart(ctx, id, client.ContainerStartOptions{}); err != nil {
		return RunResult{}, err
	}
	res, err := converse(ctx, &att.HijackedResponse, stdin)
	if err != nil {
		return RunResult{}, err
	}
	select {
	case w := <-wait.Result:
		res.ExitCode = int(w.StatusCode)
		if w.Error != nil {
			return RunResult{}, errors.New(w.Error.Message)
		}
		return res, nil
	case err := <-wait.Error:
		return RunResult{}, err
	}
}

// converse sends stdin over an attached stream and collects what comes back
// until its end. A cancelled context ends it.
func converse(ctx context.Context, att *client.HijackedResponse, stdin []byte) (RunResult, error) {
	stop := context.AfterFunc(ctx, att.Close)
	defer stop()
	if stdin != nil {
		go func() {
			// A command need not read its input: what it says counts, not this error.
			_, _ = io.Copy(att.Conn, bytes.NewReader(stdin))
			_ = att.CloseWrite()
		}()
	}
	var stdout, stderr bytes.Buffer
	if _, err := stdcopy.StdCopy(&stdout, &stderr, att.Reader); err != nil {
		if ctx.Err() != nil {
			return RunResult{}, context.Cause(ctx)
		}
		return RunResult{}, err
	}
	return RunResult{Stdout: stdout.Bytes(), Stderr: stderr.Bytes()}, nil
}

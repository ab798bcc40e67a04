package engine

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// RunSpec is a container that runs once. Only Image is required.
type RunSpec struct {
	Image      string
	Platform   *ocispecs.Platform // of an image that has several; nil: the engine chooses
	Entrypoint []string           // nil: the image's; one empty word: none
	Cmd        []string           // nil: the image's
	Env        []string           // "KEY=VALUE", besides the image's
	User       string             // "": the image's
	Workdir    string             // "": the image's
	Privileged bool
	Mounts     []mount.Mount
	Network    string   // "": the engine's default; "none", "host", or a network's name
	ExtraHosts []string // "name:address" lines for the hosts file
	Labels     map[string]string
	Stdin      []byte // nil: no standard input
	Memory     int64  // bytes, without any swap; 0: no limit
	Pids       int64  // processes and threads; 0: no limit

	// Input is standard input in the place of Stdin, for a program that reads it as long as it runs; Run closes it.
	Input io.ReadCloser
	// Files is a tar archive, plain or compressed with gzip, that is unpacked in the container's root before it starts.
	Files []byte
	// VolumesOf is a container whose volumes this one can read.
	VolumesOf string
	// Confined takes all capabilities, and the right to gain any.
	Confined bool
	UserNS   string // "": the engine's default; "host"

	// Stdout and Stderr get the program's output as it comes, one write at a time; nil: it is in the result. With either, the
	// engine keeps no log.
	Stdout, Stderr io.Writer
}

// RunResult is the result of a command. A command that fails is a result, not an error.
type RunResult struct {
	Stdout, Stderr []byte // of streams that had no writer
	ExitCode       int
	OutOfMemory    bool // the kernel has killed it at its memory limit
}

// StartError means that a container was created, but its program could not be started: it is not in the image, for example, or is
// not executable.
type StartError struct{ Err error }

func (e *StartError) Error() string { return e.Err.Error() }
func (e *StartError) Unwrap() error { return e.Err }

// Run creates a container, starts it, waits for its end and removes it with its
// anonymous volumes, also when ctx is cancelled meanwhile. The image must be on
// the engine: nothing is pulled.
func (e *Engine) Run(ctx context.Context, spec RunSpec) (_ RunResult, rerr error) {
	op := fmt.Sprintf("run image %q", spec.Image)
	ctx, done := e.watch.attend(ctx)
	defer done()
	if spec.Input != nil {
		defer spec.Input.Close()
	}
	opt := spec.options()
	gone := e.Temporary(ctx, AContainer, opt.Name)
	id, err := e.CreateContainer(ctx, opt)
	if err != nil {
		gone()
		return RunResult{}, fmt.Errorf("%s: %w", op, err)
	}
	defer func() {
		// The caller's context may have ended; the container must be removed anyway.
		cctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
		defer cancel()
		if err := e.RemoveContainer(cctx, id); err != nil {
			rerr = errors.Join(rerr, err)
			return
		}
		gone()
	}()
	if spec.Files != nil {
		if err := e.CopyTo(ctx, id, "/", bytes.NewReader(spec.Files)); err != nil {
			return RunResult{}, fmt.Errorf("%s: %w", op, err)
		}
	}
	res, err := e.runCreated(ctx, id, spec)
	if ctx.Err() != nil {
		return RunResult{}, fmt.Errorf("%s: %w", op, context.Cause(ctx))
	}
	if err != nil {
		return RunResult{}, failed(ctx, op, err)
	}
	return res, nil
}

func (spec RunSpec) options() client.ContainerCreateOptions {
	opt := client.ContainerCreateOptions{
		Name: "docker-multiarch-run-" + strings.ToLower(rand.Text()), Platform: spec.Platform,
		Config: &container.Config{
			Image: spec.Image, Entrypoint: spec.Entrypoint, Cmd: spec.Cmd, Labels: spec.Labels,
			Env: spec.Env, User: spec.User, WorkingDir: spec.Workdir,
			AttachStdout: true, AttachStderr: true,
			AttachStdin: spec.reads(), OpenStdin: spec.reads(), StdinOnce: spec.reads(),
		},
		HostConfig: &container.HostConfig{
			Privileged: spec.Privileged, Mounts: spec.Mounts, NetworkMode: container.NetworkMode(spec.Network), ExtraHosts: spec.ExtraHosts,
			Resources: container.Resources{Memory: spec.Memory, MemorySwap: spec.Memory},
		},
	}
	if spec.Pids > 0 {
		opt.HostConfig.PidsLimit = &spec.Pids
	}
	opt.HostConfig.UsernsMode = container.UsernsMode(spec.UserNS)
	if spec.VolumesOf != "" {
		opt.HostConfig.VolumesFrom = []string{spec.VolumesOf + ":ro"}
	}
	if spec.Confined {
		opt.HostConfig.CapDrop, opt.HostConfig.SecurityOpt = []string{"ALL"}, []string{"no-new-privileges"}
	}
	if spec.Stdout != nil || spec.Stderr != nil {
		opt.HostConfig.LogConfig.Type = "none"
	}
	return opt
}

// reads reports whether the program has a standard input.
func (spec RunSpec) reads() bool { return spec.Stdin != nil || spec.Input != nil }

// runCreated attaches and requests the exit status before it starts the container, so that neither output nor exit status of a
// fast command is missed.
func (e *Engine) runCreated(ctx context.Context, id string, spec RunSpec) (RunResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	att, err := hijacked(ctx, func() (client.HijackedResponse, error) {
		res, err := e.api.ContainerAttach(ctx, id, client.ContainerAttachOptions{
			Stream: true, Stdin: spec.reads(), Stdout: true, Stderr: true,
		})
		return res.HijackedResponse, err
	})
	if err != nil {
		return RunResult{}, err
	}
	defer att.Close()
	wait := e.api.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if _, err := e.api.ContainerStart(ctx, id, client.ContainerStartOptions{}); err != nil {
		return RunResult{}, &StartError{err}
	}
	res, err := converse(ctx, &att, spec)
	if err != nil {
		return RunResult{}, err
	}
	select {
	case w := <-wait.Result:
		res.ExitCode = int(w.StatusCode)
		if w.Error != nil {
			return RunResult{}, errors.New(w.Error.Message)
		}
		res.OutOfMemory = spec.Memory > 0 && res.ExitCode == killed && e.outOfMemory(ctx, id)
		return res, nil
	case err := <-wait.Error:
		return RunResult{}, err
	}
}

// killed is the engine's exit status of a program that was ended by SIGKILL.
const killed = 128 + 9

// outOfMemory reports whether the kernel killed a program at its memory limit. If the engine no longer knows, it did not.
func (e *Engine) outOfMemory(ctx context.Context, id string) bool {
	c, found, err := e.InspectContainer(ctx, id)
	return err == nil && found && c.State != nil && c.State.OOMKilled
}

// converse sends the input over an attached stream, reads the output until its end, and closes the stream. A cancelled context
// ends it.
func converse(ctx context.Context, att *client.HijackedResponse, spec RunSpec) (RunResult, error) {
	stdin := io.NopCloser(bytes.NewReader(spec.Stdin))
	if spec.Input != nil {
		stdin = spec.Input
	}
	stop := context.AfterFunc(ctx, att.Close)
	defer stop()
	var sending sync.WaitGroup
	defer func() {
		att.Close()
		_ = stdin.Close() // its end is all that it is for
		sending.Wait()
	}()
	if spec.reads() {
		sending.Go(func() {
			// A command need not read its input: its output counts, not this error.
			_, _ = io.Copy(att.Conn, stdin)
			_ = att.CloseWrite()
		})
	}
	var stdout, stderr bytes.Buffer
	out, diag := io.Writer(&stdout), io.Writer(&stderr)
	if spec.Stdout != nil {
		out = spec.Stdout
	}
	if spec.Stderr != nil {
		diag = spec.Stderr
	}
	if _, err := stdcopy.StdCopy(out, diag, att.Reader); err != nil {
		if ctx.Err() != nil {
			return RunResult{}, context.Cause(ctx)
		}
		return RunResult{}, err
	}
	return RunResult{Stdout: stdout.Bytes(), Stderr: stderr.Bytes()}, nil
}

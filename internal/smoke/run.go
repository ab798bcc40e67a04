package smoke

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Job is a program to be run.
type Job struct {
	// Image is a name on the engine; Platform selects one if the name has several platforms.
	Image    string
	Platform *platform.Platform
	Test     Test
	// Plain runs the program as `docker run` does: at once, without limits except those that the test sets, and in the engine's
	// default network.
	Plain bool
	// Stdout and Stderr get the program's output as it comes, one write at a time.
	Stdout, Stderr io.Writer
	// Begins, if not nil, is called when the program's turn has come.
	Begins func()
}

// ProgramResult is the result of a program that ended by itself or was killed by the kernel.
type ProgramResult struct {
	Exit        int
	OutOfMemory bool    // it was killed at its memory limit
	Seconds     float64 // including the creation and removal of its container; also with an error
	// Merged means that Stdout got both streams: the place of the test does not keep them apart.
	Merged bool
}

// TimeoutError means that a program did not end in time, and was killed.
type TimeoutError struct{ After time.Duration }

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("it did not end within %s, and was killed", e.After)
}

// maxPids bounds the processes and threads of a test, so that a fork bomb ends.
const maxPids = 1024

// Run runs the program in a container of its own, which is removed, and waits for it. As many tests run at the same time as the
// engine has CPUs. Errors besides those of the engine: [*TimeoutError], [*engine.StartError].
func (b *Runner) Run(ctx context.Context, j Job) (ProgramResult, error) {
	if !j.Plain {
		select {
		case b.slots <- struct{}{}:
			defer func() { <-b.slots }()
		case <-ctx.Done():
			return ProgramResult{}, context.Cause(ctx)
		}
	}
	if j.Begins != nil {
		j.Begins()
	}
	began := time.Now()
	t := j.Test
	if !j.Plain {
		t = t.Limited()
	}
	spec := engine.RunSpec{
		Image: j.Image, Platform: j.Platform, Cmd: t.Command, Entrypoint: t.Entrypoint, Env: t.Env, User: t.User, Workdir: t.Workdir,
		Stdin: t.Stdin, Network: t.Network, Memory: t.Memory, Labels: labels, Stdout: j.Stdout, Stderr: j.Stderr,
	}
	if t.Entrypoint != nil && len(t.Entrypoint) == 0 {
		spec.Entrypoint = []string{""} // as the Docker CLI resets an entrypoint
	}
	if !j.Plain {
		b.limit(&spec)
	}
	if spec.Memory > 0 && !b.info.MemoryLimit {
		spec.Memory = 0
		b.warned.Do(func() {
			b.note(diag.Warningf("the engine's kernel cannot limit memory, so programs run there without a limit"))
		})
	}
	if t.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, t.Timeout, &TimeoutError{t.Timeout})
		defer cancel()
	}
	res, err := b.engine.Run(ctx, spec)
	return ProgramResult{Exit: res.ExitCode, OutOfMemory: res.OutOfMemory, Seconds: time.Since(began).Seconds()}, err
}

// limit sets the limits that a test does not set itself.
func (b *Runner) limit(spec *engine.RunSpec) {
	if spec.Network == "" {
		spec.Network = "none"
	}
	if b.info.PidsLimit {
		spec.Pids = maxPids
	}
}

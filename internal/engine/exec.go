package engine

import (
	"context"
	"fmt"

	"github.com/moby/moby/client"
)

// Exec runs cmd in a running container (a name or an ID) and waits for its end. A nil stdin means no input. When ctx is cancelled
// it returns at once; the command's input and output are closed, which ends every command that reads or writes, but the engine
// offers no way to kill it.
func (e *Engine) Exec(ctx context.Context, container string, cmd []string, stdin []byte) (RunResult, error) {
	op := fmt.Sprintf("run a command in container %q", container)
	ctx, done := e.watch.attend(ctx)
	defer done()
	exec, err := e.api.ExecCreate(ctx, container, client.ExecCreateOptions{
		AttachStdin: stdin != nil, AttachStdout: true, AttachStderr: true, Cmd: cmd,
	})
	if err != nil {
		return RunResult{}, failed(ctx, op, err)
	}
	att, err := e.attachExec(ctx, exec.ID)
	if err != nil {
		return RunResult{}, failed(ctx, op, err)
	}
	defer att.Close()
	res, err := converse(ctx, &att, RunSpec{Stdin: stdin})
	if err != nil {
		return RunResult{}, failed(ctx, op, err)
	}
	insp, err := e.api.ExecInspect(ctx, exec.ID, client.ExecInspectOptions{})
	if err != nil {
		return RunResult{}, failed(ctx, op, err)
	}
	res.ExitCode = insp.ExitCode
	return res, nil
}

func (e *Engine) attachExec(ctx context.Context, id string) (client.HijackedResponse, error) {
	return hijacked(ctx, func() (client.HijackedResponse, error) {
		res, err := e.api.ExecAttach(ctx, id, client.ExecAttachOptions{})
		return res.HijackedResponse, err
	})
}

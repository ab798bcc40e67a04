package emulation

import (
	"context"
	"fmt"
	"path"

	"github.com/moby/moby/api/types/mount"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// Observer is a Shell without privileges: a container for each script, with the kernel's list of
// handlers and the host's /usr mounted read-only. The only other right that it needs is to change its
// root directory, which an engine grants to every container.
//
// Where the engine cannot mount one of the two (a virtual machine that shares certain folders only, a
// kernel without binfmt_misc), the script runs without it, and reports less.
type Observer struct {
	Runner Starter
	Image  string // with busybox or an equivalent; the engine has it
	Labels map[string]string
}

// Run implements Shell.
func (o Observer) Run(ctx context.Context, script string) ([]byte, error) {
	handlers := mount.Mount{Type: mount.TypeBind, Source: binfmtDir, Target: handlersMount, ReadOnly: true}
	usr := mount.Mount{Type: mount.TypeBind, Source: "/usr", Target: path.Join(hostRoot, "usr"), ReadOnly: true}
	var firstErr error
	for _, mounts := range [][]mount.Mount{{handlers, usr}, {handlers}, nil} {
		res, err := o.Runner.Run(ctx, engine.RunSpec{
			Image: o.Image, Entrypoint: []string{"/bin/sh", "-c", script}, Cmd: []string{},
			Network: "none", Labels: o.Labels, Mounts: mounts,
		})
		if err == nil {
			return output(o.Image, res)
		}
		if firstErr == nil {
			firstErr = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, firstErr
}

// output returns what a script in a container printed, or why it failed.
func output(image string, res engine.RunResult) ([]byte, error) {
	if res.ExitCode != 0 {
		return nil, fmt.Errorf("a shell in image %q: exit status %d: %q", image, res.ExitCode, tail(string(res.Stderr), 200))
	}
	return res.Stdout, nil
}

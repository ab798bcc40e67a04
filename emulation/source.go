package emulation

import (
	"context"
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// attempt runs one source. ok is false when the source is not available, which is not reported.
func (in *installer) attempt(ctx context.Context, src Source, archs []Arch) (at Attempt, ok bool) {
	at = Attempt{Source: src}
	for _, a := range archs {
		at.Archs = append(at.Archs, a.Name)
	}
	if src == Host {
		if in.HelperImage == "" {
			return at, false
		}
		in.Report("looking for QEMU on the engine's host for " + strings.Join(at.Archs, ", "))
		if archs, at.Err = in.keepFound(ctx, archs); at.Err != nil || len(archs) == 0 {
			return at, at.Err != nil
		}
		if at.Err = in.removeReplaced(ctx, archs); at.Err == nil {
			at.Output, at.Err = in.runHost(ctx, archs)
		}
		return at, true
	}
	at.Image = in.Image
	id, err := in.Runner.Verified(ctx, in.Image)
	switch usable := err == nil && id != ""; {
	case src == LocalImage && err != nil:
		at.Err = err
		return at, true
	case usable != (src == LocalImage):
		return at, false // a local image was tried as a source of its own, unless that source was left out
	case src == Registry:
		in.Report(fmt.Sprintf("pulling %q", in.Image))
		if id, at.Err = in.pull(ctx); at.Err != nil {
			return at, true
		}
	}
	in.Report(fmt.Sprintf("installing %s from %q", strings.Join(at.Archs, ", "), in.Image))
	if at.Err = in.removeReplaced(ctx, archs); at.Err == nil {
		at.Output, at.Err = in.runImage(ctx, id, at.Archs)
	}
	return at, true
}

// pull returns the ID of the pulled image.
func (in *installer) pull(ctx context.Context) (id string, err error) {
	if err := in.Runner.Pull(ctx, in.Image, in.RegistryAuth, in.Report); err != nil {
		return "", err
	}
	return in.Runner.Verified(ctx, in.Image)
}

// runImage runs the binfmt image's installer. Its exit status is always 0, and it prints a status of
// its own; both are ignored in favour of the probe, and only its output is kept.
func (in *installer) runImage(ctx context.Context, id string, archs []string) (output []string, err error) {
	res, err := in.Runner.Run(ctx, engine.RunSpec{
		Image: id, Cmd: []string{"--install", strings.Join(archs, ",")},
		Privileged: true, Network: "none", Labels: in.Labels,
	})
	if err != nil {
		return nil, in.privilege(err)
	}
	output = nonEmptyLines(res.Stderr)
	if res.ExitCode != 0 {
		output = append(output, fmt.Sprintf("exit status %d", res.ExitCode))
	}
	return output, nil
}

// privilege returns the error of a privileged container, as a [PrivilegeError] if the engine refuses it for that.
func (in *installer) privilege(err error) error {
	if !engine.RefusesPrivileges(err) {
		return err
	}
	return &PrivilegeError{Image: in.Image, Err: err}
}

func nonEmptyLines(b []byte) []string {
	var out []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// ContainerShell is a Shell that starts a privileged container for each script. It needs some 300 ms; a
// shell in a running builder needs 80.
type ContainerShell struct {
	Runner Starter
	Image  string // with busybox or an equivalent; the engine has it, and it may run with privileges
	Labels map[string]string
}

// Run implements Shell.
func (s ContainerShell) Run(ctx context.Context, script string) ([]byte, error) {
	res, err := s.Runner.Run(ctx, engine.RunSpec{
		Image: s.Image, Entrypoint: []string{"/bin/sh", "-c", script}, Cmd: []string{},
		Privileged: true, Network: "none", Labels: s.Labels,
	})
	if err != nil {
		return nil, err
	}
	return output(s.Image, res)
}

package emulation

import (
	"context"
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// attempt runs one source. ok is false when the source is not there to be
// tried, which is not worth a word.
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
		if at.Err = in.clear(ctx, archs); at.Err == nil {
			at.Said, at.Err = in.runHost(ctx, archs)
		}
		return at, true
	}
	at.Image = in.Image
	present, err := in.Runner.HasImage(ctx, in.Image)
	if err != nil {
		at.Err = err
		return at, true
	}
	// A local image has been tried as such, unless that source was left out.
	if present != (src == LocalImage) {
		return at, false
	}
	if src == Registry {
		in.Report(fmt.Sprintf("pulling %q", in.Image))
		if err := in.Runner.Pull(ctx, in.Image, in.RegistryAuth, in.Report); err != nil {
			at.Err = err
			return at, true
		}
	}
	in.Report(fmt.Sprintf("installing %s from %q", strings.Join(at.Archs, ", "), in.Image))
	if at.Err = in.clear(ctx, archs); at.Err == nil {
		at.Said, at.Err = in.runImage(ctx, at.Archs)
	}
	return at, true
}

// runImage runs the binfmt image's installer. Its exit status is 0 whatever
// happened, and it prints a status of its own; both are left aside for the
// probe, and only its words are kept.
func (in *installer) runImage(ctx context.Context, archs []string) (said []string, err error) {
	res, err := in.Runner.Run(ctx, engine.RunSpec{
		Image: in.Image, Cmd: []string{"--install", strings.Join(archs, ",")},
		Privileged: true, Network: "none", Labels: in.Labels,
	})
	if err != nil {
		return nil, err
	}
	said = nonEmptyLines(res.Stderr)
	if res.ExitCode != 0 {
		said = append(said, fmt.Sprintf("exit status %d", res.ExitCode))
	}
	return said, nil
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

// ContainerShell is a Shell that starts a privileged container for each script.
// It needs some 300 ms where a shell in a running builder needs 80.
type ContainerShell struct {
	Runner Runner
	Image  string // with busybox or its like; the engine has it
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

package emulators

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/moby/api/types/mount"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// binfmtDir is the folder for the administrator's handlers, which systemd-binfmt registers when it starts. A file there overrides a
// package's file of the same name below /usr/lib/binfmt.d (binfmt.d(5)).
const binfmtDir = "/etc/binfmt.d"

// binfmtMark is the first line of the files that this program writes.
const binfmtMark = "# Written by docker multiarch emulators install --persist.\n"

// bootID is the file with the kernel's boot ID. Two processes on one kernel read the same ID (Documentation/admin-guide/sysctl/kernel.rst).
const bootID = "/proc/sys/kernel/random/boot_id"

// elsewhereError means that the engine's host does not share this machine's files.
type elsewhereError struct{ host, why string }

func (e *elsewhereError) Error() string {
	return fmt.Sprintf("the emulators are installed, but only until %s restarts: --persist needs an engine on this Linux machine, and %s", e.host, e.why)
}

// persistEmulators makes the handlers of the platforms survive a restart.
func persistEmulators(ctx context.Context, w *cli.Env, k *kernel, ps []platform.Platform) error {
	if err := k.onThisMachine(ctx); err != nil {
		return err
	}
	ins, err := k.Inspect(ctx, ps...)
	if err != nil {
		return err
	}
	var failures []error
	for _, p := range ps {
		sup, _ := ins.Arch(p.Architecture)
		if h, ok := sup.Handler(); ok && sup.Mode == emulation.Emulated {
			line, err := persistHandler(ctx, k, ins, h)
			if err != nil {
				failures = append(failures, err)
				continue
			}
			w.Say(line)
		}
	}
	if _, err := os.Stat("/run/systemd/system"); errors.Is(err, fs.ErrNotExist) {
		w.Note(diag.Warningf("systemd, which reads %s at every start, does not run on this machine", binfmtDir))
	}
	return errors.Join(failures...)
}

// onThisMachine compares the kernel of this machine with the engine's.
func (k *kernel) onThisMachine(ctx context.Context) error {
	elsewhere := func(why string) error { return &elsewhereError{host: k.info.Name, why: why} }
	ours, err := os.ReadFile(bootID)
	if err != nil {
		return elsewhere("this machine does not run Linux")
	}
	theirs, err := k.observe.Run(ctx, "cat "+bootID)
	if err != nil {
		return err
	}
	if strings.TrimSpace(string(ours)) != strings.TrimSpace(string(theirs)) {
		return elsewhere("the engine runs on another kernel")
	}
	return nil
}

// persistHandler writes a file for a handler, unless a package's file does the same. It returns a sentence about what it did.
func persistHandler(ctx context.Context, k *kernel, ins emulation.Inspection, h emulation.Handler) (string, error) {
	file := filepath.Join(binfmtDir, h.Name+".conf")
	if by, ok := ins.Host.ConfiguredIn(h); ok {
		return fmt.Sprintf("%s registers %s at every start already", by, h.Name), nil
	}
	if !ins.Host.Present[h.Interpreter] {
		return "", &cli.Hinted{
			Err: fmt.Errorf("%s cannot be registered at every start: its interpreter %s is in an image, not on the engine's host", h.Name, h.Interpreter),
			Hint: emulation.InstallPackage + " on the host, then run\n" +
				"      docker multiarch emulators install --force --source host --persist",
		}
	}
	old, err := os.ReadFile(file)
	if err == nil && !strings.HasPrefix(string(old), binfmtMark) {
		return "", fmt.Errorf("%s exists already, and docker multiarch did not write it: remove it to register the handler", file)
	}
	if err := os.MkdirAll(binfmtDir, 0o755); err != nil { //nolint:gosec // readable by all users, as the rest of /etc
		return "", fmt.Errorf("register %s at every start: %w", h.Name, err)
	}
	text := binfmtMark + h.Registration() + "\n"
	if err := cli.ReplaceFile(file, []byte(text)); err != nil {
		return "", fmt.Errorf("register %s at every start: %w", h.Name, err)
	}
	// In a container that has the engine's socket, the kernel is the engine's but the files are not.
	if seen := k.readHost(ctx, file); seen != text {
		_ = os.Remove(file)
		return "", &elsewhereError{host: k.info.Name, why: "the engine does not see this machine's files"}
	}
	return fmt.Sprintf("wrote %s, which registers %s at every start", file, h.Name), nil
}

// readHost reads a file of the engine's host in binfmtDir; "" if it cannot.
func (k *kernel) readHost(ctx context.Context, file string) string {
	res, err := k.eng.Run(ctx, engine.RunSpec{
		Image: k.image, Entrypoint: []string{"/bin/cat", "/binfmt.d/" + filepath.Base(file)}, Cmd: []string{}, Network: "none", Labels: HelperLabels,
		Mounts: []mount.Mount{{Type: mount.TypeBind, Source: binfmtDir, Target: "/binfmt.d", ReadOnly: true}},
	})
	if err != nil {
		return ""
	}
	return string(res.Stdout)
}

// forgetEmulators removes this program's files for platforms, and returns notes about files that will register the handlers again.
func forgetEmulators(ctx context.Context, k *kernel, ps []platform.Platform) []diag.Diagnostic {
	var lines []diag.Diagnostic
	ins, err := k.Inspect(ctx, ps...)
	if err != nil {
		return nil // the handlers are gone already
	}
	here := k.onThisMachine(ctx) == nil
	for _, p := range ps {
		a, _ := emulation.Lookup(p.Architecture)
		file := filepath.Join(binfmtDir, a.HandlerName()+".conf")
		if text, err := os.ReadFile(file); here && err == nil && strings.HasPrefix(string(text), binfmtMark) {
			if err := os.Remove(file); err != nil {
				lines = append(lines, diag.Warningf("%s registers %s again at the next start: %v", file, a.HandlerName(), err))
			} else {
				lines = append(lines, diag.Notef("removed %s", file))
			}
		}
		if file, ok := ins.Host.Configures(a.HandlerName()); ok {
			lines = append(lines, diag.Notef("%s registers %s again when the engine's host restarts", file, a.HandlerName()))
		}
	}
	return lines
}

package emulation

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/mount"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// ErrRemain means that handlers are still registered after their removal.
var ErrRemain = errors.New("handlers remain")

// ErrNotReplaced means that the handlers that Force was to replace run, but are the old ones.
var ErrNotReplaced = errors.New("no replacement was found for these handlers, so they are unchanged")

// UninstallOptions are the options of Uninstall. Shell, Runner, Platforms and HelperImage are required.
type UninstallOptions struct {
	Shell       Shell // probes; as for Install
	Runner      Runner
	Platforms   []platform.Platform
	HelperImage string // as for Install

	Engine engine.Info
	Status *Status // as for Install
	Labels map[string]string
}

// UninstallReport is the result of an Uninstall.
type UninstallReport struct {
	Removed []Handler // newest first
	Status  Status    // of the platforms, afterwards
}

// Uninstall removes QEMU's handlers of the platforms' architectures, regardless of the program that registered them, and no
// others: a platform may still run afterwards, through a handler such as rosetta. Programs that already
// run under an emulator continue. It is not an error when there is nothing to remove. A handler that
// remains afterwards is ErrRemain.
func Uninstall(ctx context.Context, opt UninstallOptions) (UninstallReport, error) {
	before, err := opt.statusBefore(ctx)
	if err != nil {
		return UninstallReport{}, err
	}
	handlers := before.qemuOf(opt.Platforms)
	if before.HandlersUnknown != "" {
		return UninstallReport{Status: before}, errors.New("the handlers cannot be read: " + before.HandlersUnknown)
	}
	if len(handlers) == 0 {
		return UninstallReport{Status: before}, nil
	}
	if err := refusal(opt.Engine, DefaultImage); err != nil {
		return UninstallReport{Status: before}, err
	}
	output, err := runHelper(ctx, opt.Runner, opt.HelperImage, removeScript(handlers), opt.Labels)
	if err != nil {
		return UninstallReport{Status: before}, fmt.Errorf("remove handlers: %w", err)
	}
	after, err := Probe(ctx, opt.Shell, opt.Platforms...)
	if err != nil {
		return UninstallReport{}, err
	}
	rep := UninstallReport{Status: after}
	var remain []string
	for _, h := range handlers {
		if slices.ContainsFunc(after.Handlers, func(o Handler) bool { return o.Name == h.Name }) {
			remain = append(remain, h.Name)
		} else {
			rep.Removed = append(rep.Removed, h)
		}
	}
	if len(remain) > 0 {
		return rep, fmt.Errorf("%w: %s: %s", ErrRemain, strings.Join(remain, ", "), strings.Join(output, " / "))
	}
	return rep, nil
}

func (opt UninstallOptions) statusBefore(ctx context.Context) (Status, error) {
	if opt.Status != nil {
		return *opt.Status, nil
	}
	return Probe(ctx, opt.Shell, opt.Platforms...)
}

// qemuOf returns QEMU's handlers of some platforms, newest first; if none is given, those of the whole
// table.
func (s Status) qemuOf(ps []platform.Platform) []Handler {
	archs := ArchsOf(ps...)
	var out []Handler
	for _, h := range s.Handlers {
		if slices.ContainsFunc(archs, func(a Arch) bool { return isQEMU(h, a.Name) }) {
			out = append(out, h)
		}
	}
	return out
}

// notReplaced returns the error about handlers that run, but are still the old ones although Force was
// set.
func (in *installer) notReplaced() error {
	var names []string
	for _, a := range ArchsOf(in.Platforms...) {
		sup, _ := in.now.Arch(a.Name)
		replaced := slices.ContainsFunc(in.installed, func(i Installed) bool { return i.Arch == a.Name })
		if !replaced && (in.replaceable(sup) || len(in.removed[a.Name]) > 0) {
			names = append(names, a.HandlerName())
		}
	}
	if len(names) == 0 {
		return nil
	}
	err := fmt.Errorf("%w: %s", ErrNotReplaced, strings.Join(names, ", "))
	for _, a := range in.attempts {
		err = fmt.Errorf("%w; tried %s", err, a)
	}
	return err
}

// runHelper runs a script in a privileged container that sees the host's /usr, and returns its output.
func runHelper(ctx context.Context, r Runner, image, script string, labels map[string]string) (output []string, err error) {
	res, err := r.Run(ctx, engine.RunSpec{
		Image: image, Entrypoint: []string{"/bin/sh", "-c", script}, Cmd: []string{},
		Privileged: true, Network: "none", Labels: labels,
		Mounts: []mount.Mount{{Type: mount.TypeBind, Source: "/usr", Target: path.Join(hostRoot, "usr"), ReadOnly: true}},
	})
	if err != nil {
		return nil, err
	}
	output = append(nonEmptyLines(res.Stdout), nonEmptyLines(res.Stderr)...)
	if res.ExitCode != 0 {
		output = append(output, fmt.Sprintf("exit status %d", res.ExitCode))
	}
	return output, nil
}

// removeScript removes handlers by name, and prints which it could not remove.
func removeScript(handlers []Handler) string {
	var s strings.Builder
	s.WriteString(mountScript)
	for _, h := range handlers {
		fmt.Fprintf(&s, "e=$( (echo -1 >$b/%[1]s) 2>&1) || echo cannot remove %[1]s: $e\n", quote(h.Name))
	}
	return s.String() + "exit 0\n"
}

// removeReplaced removes the handlers that Force is to replace, just before they are replaced.
func (in *installer) removeReplaced(ctx context.Context, archs []Arch) error {
	var handlers []Handler
	for _, a := range archs {
		if sup, _ := in.now.Arch(a.Name); in.replaceable(sup) {
			if in.removed == nil {
				in.removed = map[string][]Handler{}
			}
			in.removed[a.Name] = in.now.qemuHandlers(a.Name)
			handlers = append(handlers, in.removed[a.Name]...)
		}
	}
	if len(handlers) == 0 {
		return nil
	}
	for _, h := range handlers {
		in.Report("removing " + h.String())
	}
	_, err := runHelper(ctx, in.Runner, in.HelperImage, removeScript(handlers), in.Labels)
	return err
}

// restore registers the removed handlers again if nothing replaced them.
func (in *installer) restore(ctx context.Context) error {
	var s strings.Builder
	for _, a := range Archs() {
		sup, _ := in.now.Arch(a.Name)
		if len(in.removed[a.Name]) == 0 || sup.Mode >= Emulated || in.now.blocked(sup) {
			continue
		}
		for _, h := range slices.Backward(in.removed[a.Name]) { // oldest first, as they were
			in.Report("putting back " + h.String())
			restoreScript(&s, h)
		}
	}
	if s.Len() == 0 {
		return nil
	}
	if _, err := runHelper(ctx, in.Runner, in.HelperImage, mountScript+s.String()+"exit 0\n", in.Labels); err != nil {
		return fmt.Errorf("put the old handlers back: %w", err)
	}
	return in.observe(ctx)
}

// restoreScript works for interpreters that are files of the host's /usr: as in
// hostScript, the kernel opens them at the same path in the container.
func restoreScript(s *strings.Builder, h Handler) {
	interpreter := quote(h.Interpreter)
	fmt.Fprintf(s, "[ -e %[1]s ] || { mkdir -p %[2]s && ln -sfn %[3]s %[1]s; }\n",
		interpreter, quote(path.Dir(h.Interpreter)), quote(path.Join(hostRoot, h.Interpreter)))
	fmt.Fprintf(s, "echo %s >$b/register\n", quote(h.Registration()))
}

// quote returns any text as one word of the shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

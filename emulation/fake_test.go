package emulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// fakeKernel is an engine and its shell over a simulated kernel, which is a few fields. It answers a
// probe with a report in the script's own format.
type fakeKernel struct {
	mu       sync.Mutex
	native   []string          // architectures that run without a handler
	handlers []Handler         // newest first
	broken   map[string]string // architectures whose emulator fails, with its message
	builder  []string          // architectures that BuildKit's own emulators run
	off      bool
	shellErr error

	images   map[string]func(*fakeKernel, engine.RunSpec) engine.RunResult // images on the engine
	registry map[string]func(*fakeKernel, engine.RunSpec) engine.RunResult // images that can be pulled
	unproven []string                                                      // images on the engine that may not run with privileges
	pullErr  error
	runErr   error

	probes int
	ran    []engine.RunSpec
	pulled []string
}

func (k *fakeKernel) register(arch, interpreter, flags string) {
	a, ok := Lookup(arch)
	if !ok {
		panic(arch)
	}
	k.handlers = append([]Handler{{
		Name: a.HandlerName(), Enabled: true, Interpreter: interpreter, Flags: flags, Magic: a.Magic(), Mask: a.Mask(),
	}}, k.handlers...)
}

// fakeShell is the fake as a Shell; its Run as a Runner has another signature.
type fakeShell struct{ *fakeKernel }

func (s fakeShell) Run(ctx context.Context, script string) ([]byte, error) {
	k := s.fakeKernel
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	k.probes++
	if k.shellErr != nil {
		return nil, k.shellErr
	}
	var b strings.Builder
	fmt.Fprintf(&b, "uname 6.1.0 x86_64\n")
	onOff := map[bool]string{true: "enabled", false: "disabled"}
	for _, h := range k.handlers {
		for _, line := range []string{
			onOff[h.Enabled], "interpreter " + h.Interpreter, "flags: " + h.Flags, "offset 0",
			fmt.Sprintf("magic %x", h.Magic), fmt.Sprintf("mask %x", h.Mask),
		} {
			fmt.Fprintf(&b, "%s/%s:%s\n", binfmtDir, h.Name, line)
		}
	}
	fmt.Fprintf(&b, "%s/status:%s\n", binfmtDir, onOff[!k.off])
	for _, a := range Archs() {
		if !strings.Contains(script, "/"+a.Name+" <") {
			continue
		}
		status, said := k.run(a)
		fmt.Fprintf(&b, "ran %s %d\n", a.Name, status)
		if said != "" {
			fmt.Fprintf(&b, "said %s %s\n", a.Name, said)
		}
		if contains(k.builder, a.Name) {
			st := "0"
			if status == 0 {
				st = "-"
			}
			fmt.Fprintf(&b, "builder %s %s /usr/bin/%s\n", a.Name, st, a.BuilderEmulator())
		}
	}
	b.WriteString(endMark + "\n")
	return []byte(b.String()), nil
}

// run simulates the kernel's run of a probe program in an empty root.
func (k *fakeKernel) run(a Arch) (status int, said string) {
	for _, h := range k.handlers {
		if k.off || !h.Enabled || !h.Matches(a.Program()) {
			continue
		}
		if !h.Has('F') {
			return 127, "chroot: can't execute '/" + a.Name + "': No such file or directory"
		}
		if said, bad := k.broken[a.Name]; bad {
			return 139, said
		}
		return 0, ""
	}
	if contains(k.native, a.Name) {
		return 0, ""
	}
	return 127, "chroot: can't execute '/" + a.Name + "': No such file or directory"
}

func (k *fakeKernel) Run(ctx context.Context, spec engine.RunSpec) (engine.RunResult, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := context.Cause(ctx); err != nil {
		return engine.RunResult{}, err
	}
	k.ran = append(k.ran, spec)
	image, ok := k.images[strings.TrimPrefix(spec.Image, idPrefix)]
	if !ok {
		return engine.RunResult{}, fmt.Errorf("no such image %q", spec.Image)
	}
	if k.runErr != nil {
		return engine.RunResult{}, k.runErr
	}
	return image(k, spec), nil
}

// idPrefix makes an image's name its ID.
const idPrefix = "sha256:"

func (k *fakeKernel) Verified(_ context.Context, ref string) (string, error) {
	if contains(k.unproven, ref) {
		return idPrefix + ref, errors.New("nothing shows that " + ref + " was pulled")
	}
	if _, ok := k.images[ref]; ok {
		return idPrefix + ref, nil
	}
	return "", nil
}

func (k *fakeKernel) Pull(_ context.Context, ref, _ string, report func(string)) error {
	k.pulled = append(k.pulled, ref)
	image, ok := k.registry[ref]
	if !ok {
		return errors.Join(errors.New("pull access denied for "+ref), k.pullErr)
	}
	report("Pulling from " + ref)
	k.unproven = slices.DeleteFunc(k.unproven, func(s string) bool { return s == ref })
	k.images[ref] = image
	return nil
}

// binfmtImage is the binfmt image's installer, with its one line for each architecture and its exit
// status that is always 0.
func binfmtImage(k *fakeKernel, spec engine.RunSpec) engine.RunResult {
	var said strings.Builder
	for _, arch := range strings.Split(spec.Cmd[1], ",") {
		a, _ := Lookup(arch)
		taken := false
		for _, h := range k.handlers {
			taken = taken || h.Name == a.HandlerName()
		}
		if taken {
			fmt.Fprintf(&said, "installing: %s %s already registered\n", arch, a.HandlerName())
			continue
		}
		k.register(arch, "/usr/bin/"+a.HandlerName(), "POCF")
		fmt.Fprintf(&said, "installing: %s OK\n", arch)
	}
	return engine.RunResult{Stderr: []byte(said.String()), Stdout: []byte(`{"supported":[]}`)}
}

// lazyImage exits with 0 and does nothing.
func lazyImage(*fakeKernel, engine.RunSpec) engine.RunResult {
	return engine.RunResult{Stderr: []byte("cannot mount binfmt_misc: operation not permitted\n")}
}

// hostWith is the helper image on a host that has QEMU for these architectures.
func hostWith(archs ...string) func(*fakeKernel, engine.RunSpec) engine.RunResult {
	return func(k *fakeKernel, spec engine.RunSpec) engine.RunResult {
		var said strings.Builder
		for _, a := range Archs() {
			if !strings.Contains(spec.Entrypoint[2], "install "+a.Name+" ") {
				continue
			}
			if !contains(archs, a.Name) {
				fmt.Fprintf(&said, "%s: no qemu-%s on the engine's host\n", a.Name, a.QEMU)
				continue
			}
			k.register(a.Name, "/usr/bin/qemu-"+a.QEMU+"-static", "POCF")
			fmt.Fprintf(&said, "%s: registered\n", a.Name)
		}
		return engine.RunResult{Stdout: []byte(said.String())}
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func plat(names ...string) []platform.Platform {
	ps, _, err := platform.Parse(names...)
	if err != nil {
		panic(err)
	}
	return ps
}

// cannedShell answers every script with itself.
type cannedShell string

func (s cannedShell) Run(context.Context, string) ([]byte, error) { return []byte(s), nil }

package emulation

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

var (
	removal  = regexp.MustCompile(`echo -1 >\$b/'([^']*)'`)
	register = regexp.MustCompile(`echo ':([^:]*):M:\d+:[^:]*:[^:]*:([^:]*):([A-Z]*)' >\$b/register`)
)

// machine is the helper image on a host that has QEMU for these architectures: it finds, removes,
// registers and restores.
func machine(archs ...string) imageFunc {
	install := hostWith(archs...)
	return func(k *fakeKernel, spec engine.RunSpec) engine.RunResult {
		script := spec.Entrypoint[2]
		if strings.Contains(script, "find() {") {
			var out strings.Builder
			for _, a := range Archs() {
				if contains(archs, a.Name) && strings.Contains(script, "find "+a.Name+" ") {
					out.WriteString("found " + a.Name + " /usr/bin/qemu-" + a.QEMU + "-static\n")
				}
			}
			return engine.RunResult{Stdout: []byte(out.String())}
		}
		for _, m := range removal.FindAllStringSubmatch(script, -1) {
			k.handlers = slices.DeleteFunc(k.handlers, func(h Handler) bool { return h.Name == m[1] })
		}
		for _, m := range register.FindAllStringSubmatch(script, -1) {
			for _, a := range Archs() {
				if a.HandlerName() == m[1] {
					k.register(a.Name, m[2], m[3])
				}
			}
		}
		if strings.Contains(script, "install() {") {
			return install(k, spec)
		}
		return engine.RunResult{}
	}
}

func (k *fakeKernel) names() []string {
	var names []string
	for _, h := range k.handlers {
		names = append(names, h.Name+" "+h.Flags)
	}
	return names
}

func TestForceReplacesQEMUsHandlerOfTheAskedArchitectureOnly(t *testing.T) {
	k := x86()
	k.images[helper] = machine("arm64", "s390x")
	k.register("s390x", "/usr/bin/old", "POF")
	k.register("arm64", "/usr/bin/old", "POF")
	opt := options(k, "arm64", "amd64")
	opt.Force, opt.Sources = true, []Source{Host}
	rep, err := Install(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"qemu-aarch64 POCF", "qemu-s390x POF"}, k.names()); diff != "" {
		t.Error(diff)
	}
	if len(rep.Installed) != 1 || rep.Installed[0].Old[0].Flags != "POF" || rep.Installed[0].Handler.Flags != "POCF" {
		t.Errorf("installed %+v", rep.Installed)
	}
}

func TestWithoutForceAHandlerThatIsBrokenStaysAndIsNamed(t *testing.T) {
	k := x86()
	k.images[helper] = machine("arm64")
	k.register("arm64", "/usr/bin/old", "PO")
	_, err := Install(t.Context(), options(k, "arm64"))
	m := missing(t, err)
	if diff := cmp.Diff([]string{"qemu-aarch64 PO"}, k.names()); diff != "" {
		t.Error(diff)
	}
	if got := m.Replaceable(); len(got) != 1 || got[0].Architecture != "arm64" {
		t.Errorf("replaceable: %v", got)
	}
}

func TestForceTakesNothingAwayThatNothingWouldReplace(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare func(k *fakeKernel)
		force   []Source
	}{
		"no binary on the host":     {prepare: func(k *fakeKernel) { k.images[helper] = machine() }, force: []Source{Host}},
		"an image that is not had":  {prepare: func(k *fakeKernel) { k.images[helper] = machine() }, force: []Source{LocalImage, Registry}},
		"a handler of somebody's":   {prepare: func(k *fakeKernel) { k.images[helper] = machine("arm64"); k.handlers[0].Name = "rosetta" }, force: []Source{Host}},
		"handlers are switched off": {prepare: func(k *fakeKernel) { k.images[helper] = machine("arm64"); k.off = true }, force: []Source{Host}},
	} {
		t.Run(name, func(t *testing.T) {
			k := x86()
			k.register("arm64", "/usr/bin/old", "PO")
			tt.prepare(k)
			before := k.names()
			opt := options(k, "arm64")
			opt.Force, opt.Sources = true, tt.force
			_, err := Install(t.Context(), opt)
			missing(t, err)
			if diff := cmp.Diff(before, k.names()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHandlersThatForceRemovedAreRestoredAfterAFailure(t *testing.T) {
	k := x86()
	k.images[helper] = machine()
	k.images[DefaultImage] = lazyImage
	k.register("arm64", "/usr/bin/old", "POF")
	opt := options(k, "arm64")
	opt.Force, opt.Sources = true, []Source{LocalImage}
	rep, err := Install(t.Context(), opt)
	if !errors.Is(err, ErrNotReplaced) || !strings.Contains(err.Error(), "qemu-aarch64") {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]string{"qemu-aarch64 POF"}, k.names()); diff != "" {
		t.Error(diff)
	}
	if len(rep.Installed) != 0 {
		t.Errorf("installed %v", rep.Installed)
	}
}

func TestUninstallRemovesQEMUsHandlersAndNoOthers(t *testing.T) {
	k := x86()
	k.images[helper] = machine()
	k.register("s390x", "/q", "POCF")
	k.register("arm64", "/q", "POCF")
	k.register("arm64", "/r", "OCF")
	k.handlers[0].Name = "rosetta"
	k.register("arm64", "/q2", "F")
	k.handlers[0].Name = "qemu-mine"
	rep, err := Uninstall(t.Context(), UninstallOptions{Shell: fakeShell{k}, Runner: k, Platforms: plat("arm64"), HelperImage: helper})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"rosetta OCF", "qemu-s390x POCF"}, k.names()); diff != "" {
		t.Error(diff)
	}
	if len(rep.Removed) != 2 || rep.Status.Mode(plat("arm64")[0]) != Emulated {
		t.Errorf("removed %v; arm64 is %s", rep.Removed, rep.Status.Mode(plat("arm64")[0]))
	}
}

func TestUninstallSaysWhenAHandlerIsStillThere(t *testing.T) {
	k := x86()
	k.images[helper] = func(*fakeKernel, engine.RunSpec) engine.RunResult {
		return engine.RunResult{Stdout: []byte("cannot remove 'qemu-aarch64': Read-only file system\n")}
	}
	k.register("arm64", "/q", "POCF")
	opt := UninstallOptions{Shell: fakeShell{k}, Runner: k, Platforms: plat("arm64"), HelperImage: helper}
	if _, err := Uninstall(t.Context(), opt); !errors.Is(err, ErrRemain) || !strings.Contains(err.Error(), "Read-only") {
		t.Errorf("got %v", err)
	}
	opt.Engine.Rootless = true
	if _, err := Uninstall(t.Context(), opt); !errors.As(err, new(*PrivilegeError)) {
		t.Errorf("on a rootless engine: %v", err)
	}
	opt.Platforms = plat("s390x")
	if rep, err := Uninstall(t.Context(), opt); err != nil || len(rep.Removed) != 0 {
		t.Errorf("nothing to remove: %v, %v", rep, err)
	}
}

func TestAPreviewShowsAnInstallAndChangesNothing(t *testing.T) {
	k := x86()
	k.images[helper] = machine("arm64", "riscv64")
	k.register("arm64", "/usr/bin/old", "POF")
	k.register("arm", "/usr/bin/old", "PO")
	before := k.names()
	opt := options(k, "amd64", "arm64", "arm", "riscv64", "s390x")
	got, err := Preview(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	riscv, _ := Lookup("riscv64")
	why := got[2].Reason
	if !strings.Contains(why, "lacks flag F") {
		t.Errorf("the reason for arm: %q", why)
	}
	want := []Planned{
		{Arch: "amd64", Mode: Native},
		{Arch: "arm64", Mode: Emulated},
		{Arch: "arm", Mode: None, Reason: why},
		{Arch: "riscv64", Mode: None, Source: Host, Line: riscv.Registration("/usr/bin/qemu-riscv64-static", "FCP")},
		{Arch: "s390x", Mode: None, Source: Registry, Image: DefaultImage},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	opt.Force = true
	if got, err = Preview(t.Context(), opt); err != nil || len(got[1].Replace) != 1 || got[1].Line == "" {
		t.Errorf("with force: %+v, %v", got, err)
	}
	if diff := cmp.Diff(before, k.names()); diff != "" || len(k.pulled) != 0 {
		t.Error(diff, k.pulled)
	}
}

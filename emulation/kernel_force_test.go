//go:build linux

package emulation

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// available returns the architectures that this machine has QEMU for and does not run itself.
func available(t *testing.T, k privateKernel) []string {
	t.Helper()
	st := k.probe(t)
	var archs []string
	for _, a := range Archs() {
		sup, _ := st.Arch(a.Name)
		if _, err := os.Stat("/usr/bin/qemu-" + a.QEMU + "-static"); err == nil && sup.Mode == None {
			archs = append(archs, a.Name)
		}
	}
	if len(archs) == 0 {
		t.Skip("no static QEMU on this machine")
	}
	return archs
}

// foreignHandlers registers handlers that must not be changed, and returns a function that reads all of
// their text.
func (k privateKernel) foreignHandlers(t *testing.T) (text func() string) {
	t.Helper()
	k.must(t, "echo ':python3.11:M::\\x55\\x0d\\x0d\\x0a::/usr/bin/python3.11:' >"+binfmtDir+"/register; "+
		"echo ':WSLInterop:M::MZ::/init:PF' >"+binfmtDir+"/register || echo ':WSLInterop:M::MZ::/bin/sh:P' >"+binfmtDir+"/register; "+
		"echo ':jar:E::jar::/usr/bin/jexec:' >"+binfmtDir+"/register")
	return func() string {
		return k.must(t, "cd "+binfmtDir+" && for f in python3.11 WSLInterop jar; do echo $f; cat $f; done")
	}
}

func (k privateKernel) names(t *testing.T) string {
	t.Helper()
	return strings.Join(strings.Fields(k.must(t, "ls "+binfmtDir)), " ")
}

func TestEveryArchitectureIsInstalledProbedAndRemovedAndTheRestStays(t *testing.T) {
	k := newPrivateKernel(t)
	archs := available(t, k)
	others := k.foreignHandlers(t)
	before, names := others(), k.names(t)
	shell := ContainerShell{Runner: k}
	_, err := Install(t.Context(), InstallOptions{Shell: shell, Runner: k, Platforms: plat(archs...), HelperImage: "any", Sources: []Source{Host}})
	if err != nil {
		t.Fatal(err)
	}
	ins, err := Inspect(t.Context(), shell, plat(archs...)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range plat(archs...) {
		if v, why := ins.Verdict(p); v != OK || ins.Mode(p) != Emulated || !strings.Contains(version(ins, p.Architecture), ".") {
			t.Errorf("%s: %s %q, version %q", p.Architecture, v, why, version(ins, p.Architecture))
		}
	}
	rep, err := Uninstall(t.Context(), UninstallOptions{Shell: shell, Runner: k, Platforms: plat(archs...), HelperImage: "any"})
	if err != nil || len(rep.Removed) != len(archs) {
		t.Errorf("removed %v, %v", rep.Removed, err)
	}
	if diff := cmp.Diff(names, k.names(t)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(before, others()); diff != "" {
		t.Error(diff)
	}
}

func version(ins Inspection, arch string) string {
	sup, _ := ins.Arch(arch)
	return sup.Version
}

func TestForceGivesDebiansHandlerItsMissingFlag(t *testing.T) {
	k := newPrivateKernel(t)
	arch := foreign()
	needQEMU(t, arch)
	a, _ := Lookup(arch)
	interpreter := "/usr/libexec/qemu-binfmt/" + a.QEMU + "-binfmt-P"
	if _, err := os.Stat(interpreter); err != nil {
		t.Skip(err)
	}
	k.register(t, arch, interpreter, "OPF")
	shell := ContainerShell{Runner: k}
	ins, err := Inspect(t.Context(), shell, plat(arch)...)
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := ins.Verdict(plat(arch)[0]); v != NoC {
		t.Errorf("before: %s", v)
	}
	if from := ins.Host.Origin(ins.Handlers[0]); !strings.Contains(from, "/usr/lib/binfmt.d/") {
		t.Errorf("registered by %q", from)
	}
	opt := InstallOptions{Shell: shell, Runner: k, Platforms: plat(arch), HelperImage: "any", Sources: []Source{Host}}
	if rep, err := Install(t.Context(), opt); err != nil || len(rep.Installed) != 0 {
		t.Errorf("without force: %v, %v", rep.Installed, err)
	}
	opt.Force = true
	rep, err := Install(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if in := rep.Installed[0]; in.Old[0].Flags != "POF" || in.Handler.Flags != "POCF" {
		t.Errorf("installed %+v", in)
	}
}

func TestRemovedHandlersAreRegisteredAgainAfterAFailure(t *testing.T) {
	k := newPrivateKernel(t)
	arch := foreign()
	needQEMU(t, arch)
	a, _ := Lookup(arch)
	k.register(t, arch, "/usr/bin/qemu-"+a.QEMU+"-static", "FP")
	before := k.must(t, "cat "+binfmtDir+"/"+a.HandlerName())
	// The image is present, and its installer registers nothing.
	runner := idleImage{k}
	opt := InstallOptions{
		Shell: ContainerShell{Runner: k}, Runner: runner, Platforms: plat(arch), HelperImage: "any", Force: true, Sources: []Source{LocalImage},
	}
	if _, err := Install(t.Context(), opt); !errors.Is(err, ErrNotReplaced) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(before, k.must(t, "cat "+binfmtDir+"/"+a.HandlerName())); diff != "" {
		t.Error(diff)
	}
}

func TestABinaryOnTheHostIsFoundWithoutChangingAnything(t *testing.T) {
	k := newPrivateKernel(t)
	archs := available(t, k)
	names := k.names(t)
	planned, err := Preview(t.Context(), InstallOptions{Shell: ContainerShell{Runner: k}, Runner: k, Platforms: plat(archs...), HelperImage: "any"})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range planned {
		if p.Source != Host || !strings.Contains(p.Line, "-static:FCP") {
			t.Errorf("%+v", p)
		}
	}
	if got := k.names(t); got != names {
		t.Errorf("handlers: %s", got)
	}
}

// idleImage is an engine that has the binfmt image, whose installer does nothing.
type idleImage struct{ privateKernel }

func (idleImage) Verified(_ context.Context, ref string) (string, error) { return ref, nil }

func (i idleImage) Run(ctx context.Context, spec engine.RunSpec) (engine.RunResult, error) {
	if len(spec.Entrypoint) == 0 {
		return engine.RunResult{}, nil
	}
	return i.privateKernel.Run(ctx, spec)
}

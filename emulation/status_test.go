package emulation

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// entry is a handler's file as the script reports it.
func entry(name string, lines ...string) string {
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "%s/%s:%s\n", binfmtDir, name, l)
	}
	return b.String()
}

// elfEntry is a handler for an architecture's programs.
func elfEntry(name, arch, interpreter, flags string) string {
	a, _ := Lookup(arch)
	return entry(name, "enabled", "interpreter "+interpreter, "flags: "+flags, "offset 0",
		fmt.Sprintf("magic %x", a.Magic()), fmt.Sprintf("mask %x", a.Mask()))
}

const listEntry = binfmtDir + "/status:enabled\n"

func probeOf(t *testing.T, text string, archs ...string) Status {
	t.Helper()
	st, err := Probe(t.Context(), cannedShell(text), plat(archs...)...)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestModeFollowsTheProbeAndTheHandlers(t *testing.T) {
	const dead = "ran arm64 127\nsaid arm64 chroot: can't execute '/arm64': No such file or directory\n"
	tests := []struct {
		name, report, arch string
		want               Mode
		handler            string // the one that counts
		why                string
	}{
		{name: "ran, no handler", arch: "amd64", report: listEntry + "ran amd64 0\n", want: Native},
		{name: "a 32-bit program on its 64-bit kernel", arch: "386", report: listEntry + "ran 386 0\n", want: Native},
		{
			name: "a 32-bit program through a handler on its 64-bit kernel", arch: "386", want: Emulated, handler: "qemu-i386",
			report: elfEntry("qemu-i386", "386", "/q", "OCF") + listEntry + "ran 386 0\n",
		},
		{
			name: "ran through QEMU", arch: "arm64", want: Emulated, handler: "qemu-aarch64",
			report: elfEntry("qemu-aarch64", "arm64", "/q", "POCF") + listEntry + "ran arm64 0\n",
		},
		{
			name: "ran through rosetta", arch: "amd64", want: Emulated, handler: "rosetta",
			report: elfEntry("rosetta", "amd64", "/r", "OCF") + listEntry + "ran amd64 0\n",
		},
		{
			name: "the newest of two handlers counts", arch: "amd64", want: Emulated, handler: "rosetta",
			report: elfEntry("rosetta", "amd64", "/r", "OCF") + elfEntry("qemu-x86_64", "amd64", "/q", "OCF") + listEntry + "ran amd64 0\n",
		},
		{
			name: "a disabled handler does not make a native program emulated", arch: "386", want: Native,
			report: strings.Replace(elfEntry("qemu-i386", "386", "/q", "OCF"), ":enabled", ":disabled", 1) + listEntry + "ran 386 0\n",
		},
		{
			name: "other people's handlers count for nothing", arch: "amd64", want: Native,
			report: entry("WSLInterop", "enabled", "interpreter /init", "flags: PF", "offset 0", "magic 4d5a") +
				elfEntry("qemu-arm", "arm", "/q", "OCF") + listEntry + "ran amd64 0\n",
		},
		{
			name: "handlers are switched off as a whole", arch: "arm64", why: "switched off",
			report: elfEntry("qemu-aarch64", "arm64", "/q", "POCF") + binfmtDir + "/status:disabled\n" + dead,
		},
		{name: "no handler", arch: "arm64", report: listEntry + dead, why: "no emulator is installed"},
		{
			name: "no flag F", arch: "arm64", handler: "qemu-aarch64", why: "lacks flag F",
			report: elfEntry("qemu-aarch64", "arm64", "/usr/bin/q", "OC") + listEntry + dead,
		},
		{
			name: "disabled", arch: "arm64", why: "disabled",
			report: strings.Replace(elfEntry("qemu-aarch64", "arm64", "/q", "OCF"), ":enabled", ":disabled", 1) + listEntry + dead,
		},
		{
			name: "an emulator that dies", arch: "arm64", handler: "qemu-aarch64", why: `status 139: "qemu: uncaught target signal 11"`,
			report: elfEntry("qemu-aarch64", "arm64", "/q", "OCF") + listEntry + "ran arm64 139\nsaid arm64 qemu: uncaught target signal 11\n",
		},
		{
			name: "an emulator with the wrong flag P", arch: "arm64", handler: "qemu-aarch64", why: "status 1",
			report: elfEntry("qemu-aarch64", "arm64", "/q", "POCF") + listEntry + "ran arm64 1\n",
		},
		{
			name: "only the builder's own emulator", arch: "arm64", want: Builder, why: "no emulator is installed",
			report: listEntry + dead + "builder arm64 0 /usr/bin/buildkit-qemu-aarch64\n",
		},
		{
			name: "the builder's own emulator, broken", arch: "arm64", why: "no emulator is installed",
			report: listEntry + dead + "builder arm64 139 /usr/bin/buildkit-qemu-aarch64\n",
		},
		{
			name: "a handler is better than the builder's own emulator", arch: "arm64", want: Emulated, handler: "qemu-aarch64",
			report: elfEntry("qemu-aarch64", "arm64", "/q", "F") + listEntry + "ran arm64 0\nbuilder arm64 - /usr/bin/buildkit-qemu-aarch64\n",
		},
		{
			name: "handlers unread: another architecture that ran is emulated", arch: "arm64", want: Emulated,
			report: "mount-error mount: permission denied (are you root?)\nran arm64 0\n",
		},
		{name: "handlers unread: the machine's own is native", arch: "amd64", want: Native, report: "mount-error no\nran amd64 0\n"},
		{name: "handlers unread: its 32-bit programs too", arch: "386", want: Native, report: "mount-error no\nran 386 0\n"},
		{name: "handlers unread: does not run", arch: "arm64", report: "mount-error no\n" + dead, why: "cannot be read: no"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			st := probeOf(t, "uname 6.1.0 x86_64\n"+tt.report+"end\n", tt.arch)
			p := plat(tt.arch)[0]
			if got := st.Mode(p); got != tt.want {
				t.Errorf("mode %q, want %q", got, tt.want)
			}
			sup, ok := st.Arch(tt.arch)
			if h, _ := sup.Handler(); !ok || h.Name != tt.handler && !st.Off {
				t.Errorf("handler %q, want %q", h.Name, tt.handler)
			}
			if got := st.Why(p); !strings.Contains(got, tt.why) || (got == "") != (tt.why == "") {
				t.Errorf("why %q, want %q", got, tt.why)
			}
		})
	}
}

func TestModeOfVariants(t *testing.T) {
	native := probeOf(t, "uname 6.1.0 x86_64\n"+listEntry+"ran amd64 0\nend\n", "amd64")
	emulated := probeOf(t, "uname 6.1.0 aarch64\n"+elfEntry("qemu-x86_64", "amd64", "/q", "OCF")+elfEntry("qemu-arm", "arm", "/q", "OCF")+
		listEntry+"ran amd64 0\nran arm 0\nend\n", "amd64", "arm")
	builder := probeOf(t, "uname 6.1.0 aarch64\n"+listEntry+"ran amd64 127\nbuilder amd64 0 /usr/bin/buildkit-qemu-x86_64\nend\n", "amd64")
	tests := []struct {
		st   Status
		p    string
		want Mode
	}{
		{native, "amd64", Native},
		{native, "amd64/v4", Native},
		{native, "arm64", None},
		{native, "windows/amd64", None},
		{emulated, "amd64", Emulated},
		{emulated, "amd64/v1", Emulated},
		{emulated, "amd64/v2", Emulated},
		{emulated, "amd64/v3", None},
		{emulated, "amd64/v4", None},
		{emulated, "arm/v5", Emulated},
		{emulated, "arm/v6", Emulated},
		{emulated, "arm/v7", Emulated},
		{builder, "amd64/v2", Builder},
		{builder, "amd64/v3", None},
	}
	for _, tt := range tests {
		if got := tt.st.Mode(plat(tt.p)[0]); got != tt.want {
			t.Errorf("%s on %s: %q, want %q", tt.p, tt.st.Machine, got, tt.want)
		}
	}
}

func TestRequireNamesMissingPlatformsAndTheCommand(t *testing.T) {
	st := probeOf(t, "uname 6.1.0 x86_64\n"+listEntry+"ran amd64 0\nran arm64 127\nran s390x 127\n"+
		"builder s390x 0 /usr/bin/buildkit-qemu-s390x\nend\n", "amd64", "arm64", "s390x")
	if err := st.Require(Builder, plat("amd64", "s390x")...); err != nil {
		t.Errorf("got %v", err)
	}
	err := st.Require(Emulated, plat("arm64", "amd64", "s390x")...)
	m := missing(t, err)
	if diff := cmp.Diff(plat("arm64", "s390x"), m.Platforms); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	want := "the engine cannot run linux/arm64: no emulator is installed; linux/s390x: no emulator is installed"
	if err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if diff := cmp.Diff(m.Platforms, m.Installable()); diff != "" {
		t.Errorf("installable (-want +got):\n%s", diff)
	}
}

func TestProbeRefusesAReportThatProvesNothing(t *testing.T) {
	tests := []struct {
		name string
		sh   Shell
		want string
	}{
		{"cut short", cannedShell("uname 6.1.0 x86_64\nran amd64 0\n"), "is incomplete"},
		{"empty", cannedShell(""), "is incomplete"},
		{"nothing about an architecture", cannedShell("uname 6.1.0 x86_64\nend\n"), "nothing was reported about amd64"},
		{"no right to change root", cannedShell("chroot-error Operation not permitted\nran amd64 1\nend\n"), "Operation not permitted"},
		{"a status that is none", cannedShell("ran amd64 x\nend\n"), `"ran amd64 x"`},
		{"half a line", cannedShell("ran amd64\nend\n"), `"ran amd64"`},
		{"a magic that is none", cannedShell(entry("h", "enabled", "magic 7f4") + "ran amd64 0\nend\n"), `handler "h"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Probe(t.Context(), tt.sh, plat("amd64")...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestProbeKeepsTheShellsError(t *testing.T) {
	boom := errors.New("container is gone")
	if _, err := Probe(t.Context(), fakeShell{&fakeKernel{shellErr: boom}}); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
}

func TestProbeRunsTheArchitecturesThatWereAskedFor(t *testing.T) {
	k := x86()
	st, err := Probe(t.Context(), fakeShell{k}, plat("amd64", "arm/v6", "arm/v7", "windows/arm64", "ppc64")...)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range st.Archs {
		got = append(got, a.Arch)
	}
	if diff := cmp.Diff([]string{"amd64", "arm"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	st, err = Probe(t.Context(), fakeShell{k})
	if err != nil || len(st.Archs) != len(Archs()) {
		t.Errorf("without a choice: %d architectures, %v", len(st.Archs), err)
	}
}

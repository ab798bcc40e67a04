//go:build linux

package emulation

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func needQEMU(t *testing.T, archs ...string) {
	t.Helper()
	for _, arch := range archs {
		a, _ := Lookup(arch)
		if _, err := os.Stat("/usr/bin/qemu-" + a.QEMU + "-static"); err != nil {
			t.Skip("no static QEMU on this machine: ", err)
		}
	}
}

// foreign returns an architecture that this machine does not run itself.
func foreign() string {
	if runtime.GOARCH == "arm64" {
		return "s390x"
	}
	return "arm64"
}

func TestTheKernelsOwnHandlersAreJudgedByRunning(t *testing.T) {
	k := newPrivateKernel(t)
	arch := foreign()
	needQEMU(t, arch)
	a, _ := Lookup(arch)
	qemu := "/usr/bin/qemu-" + a.QEMU + "-static"
	p := plat(arch)[0]

	t.Run("nothing registered", func(t *testing.T) {
		st := k.probe(t, arch, runtime.GOARCH)
		if st.Mode(p) != None || st.Mode(plat(runtime.GOARCH)[0]) != Native || len(st.Handlers) != 0 {
			t.Errorf("status %+v", st)
		}
	})
	t.Run("QEMU with the flags that containers need", func(t *testing.T) {
		defer k.drop(t)
		k.register(t, arch, qemu, "FCP")
		st := k.probe(t, arch)
		sup, _ := st.Arch(arch)
		want := []Handler{{Name: a.HandlerName(), Enabled: true, Interpreter: qemu, Flags: "POCF", Magic: a.Magic(), Mask: a.Mask()}}
		if diff := cmp.Diff(want, sup.Handlers); diff != "" || st.Mode(p) != Emulated {
			t.Errorf("%s: %s (-want +got):\n%s", st.Mode(p), st.Why(p), diff)
		}
		if !strings.Contains(sup.Version, ".") {
			t.Errorf("version %q", sup.Version)
		}
	})
	t.Run("the newest handler is reported first", func(t *testing.T) {
		defer k.drop(t)
		k.register(t, arch, qemu, "FC")
		k.must(t, fmt.Sprintf("printf %%s '%s' >%s/register",
			strings.Replace(a.Registration("/bin/false", "FC"), a.HandlerName(), "a-second", 1), binfmtDir))
		sup, _ := k.probe(t, arch).Arch(arch)
		if h, _ := sup.Handler(); h.Name != "a-second" || sup.Mode != None || len(sup.Handlers) != 2 {
			t.Errorf("support %+v", sup)
		}
	})
}

func TestTheKernelsBrokenHandlersAreSeenThrough(t *testing.T) {
	k := newPrivateKernel(t)
	arch := foreign()
	needQEMU(t, arch, other(arch))
	a, _ := Lookup(arch)
	qemu := "/usr/bin/qemu-" + a.QEMU + "-static"
	p := plat(arch)[0]
	for name, tt := range map[string]struct{ interpreter, flags, then, why string }{
		"without flag F":                      {interpreter: qemu, flags: "C", why: "lacks flag F"},
		"an interpreter that dies":            {interpreter: "/bin/false", flags: "FC", why: "status 1"},
		"disabled":                            {interpreter: qemu, flags: "FC", then: "echo 0 >" + binfmtDir + "/" + a.HandlerName(), why: "disabled"},
		"all handlers switched off":           {interpreter: qemu, flags: "FC", then: "echo 0 >" + binfmtDir + "/status", why: "switched off"},
		"another architecture's emulator":     {interpreter: "/usr/bin/qemu-" + other(arch) + "-static", flags: "FC", why: "broken"},
		"an emulator that expects the flag P": {interpreter: "/usr/libexec/qemu-binfmt/" + a.QEMU + "-binfmt-P", flags: "FC", why: "broken"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := os.Stat(tt.interpreter); err != nil {
				t.Skip(err)
			}
			defer k.drop(t)
			defer k.must(t, "echo 1 >"+binfmtDir+"/status")
			k.register(t, arch, tt.interpreter, tt.flags)
			if tt.then != "" {
				k.must(t, tt.then)
			}
			st := k.probe(t, arch)
			if why := st.Why(p); st.Mode(p) != None || !strings.Contains(why, tt.why) {
				t.Errorf("%s: %q, want %q", st.Mode(p), why, tt.why)
			}
		})
	}
}

func other(arch string) string {
	if arch == "s390x" {
		return "ppc64le"
	}
	return "s390x"
}

func TestInstallRegistersTheHostsQEMU(t *testing.T) {
	k := newPrivateKernel(t)
	var want []string
	for _, a := range Archs() {
		if _, err := os.Stat("/usr/bin/qemu-" + a.QEMU + "-static"); err == nil {
			want = append(want, a.Name)
		}
	}
	if len(want) == 0 {
		t.Skip("no static QEMU on this machine")
	}
	before := k.must(t, "ls -l /host/usr/bin/qemu-*")
	opt := InstallOptions{Shell: ContainerShell{Runner: k}, Runner: k, Platforms: plat(want...), HelperImage: "any", Sources: []Source{Host}}
	rep, err := Install(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range rep.Installed {
		a, _ := Lookup(in.Arch)
		if in.Handler.Interpreter != "/usr/bin/qemu-"+a.QEMU+"-static" || in.Handler.Flags != "POCF" && in.Handler.Flags != "OCF" {
			t.Errorf("%s: %s", in.Arch, in.Handler)
		}
		k.must(t, "grep -qx enabled "+binfmtDir+"/"+a.HandlerName())
	}
	if len(rep.Installed) < len(want)-2 { // two may be native to the machine
		t.Errorf("installed %v of %v", rep.Installed, want)
	}
	if after := k.must(t, "ls -l /host/usr/bin/qemu-*"); after != before {
		t.Error("the host's files changed")
	}
	again, err := Install(t.Context(), opt)
	if err != nil || len(again.Attempts) != 0 {
		t.Errorf("a second install did something: %+v, %v", again, err)
	}
}

func TestInstallTakesOnlyStaticEmulatorsOfTheHost(t *testing.T) {
	k := newPrivateKernel(t)
	arch := foreign()
	a, _ := Lookup(arch)
	// The host has a dynamically linked program and one that runs nothing.
	k.must(t, `umount /host/usr && mkdir -p /host/usr/bin /host/usr/local/bin &&
		cp /bin/sh /host/usr/bin/qemu-`+a.QEMU+`-static &&
		printf '#!/nowhere\n' >/host/usr/local/bin/qemu-`+a.QEMU+` && chmod 755 /host/usr/local/bin/*`)
	opt := InstallOptions{Shell: ContainerShell{Runner: k}, Runner: k, Platforms: plat(arch), HelperImage: "any", Sources: []Source{Host}}
	_, err := Install(t.Context(), opt)
	missing(t, err)
	if strings.Count(err.Error(), "does not run by itself") != 2 {
		t.Errorf("got %v", err)
	}
	if left := k.must(t, "ls "+binfmtDir); left != "register\nstatus\n" {
		t.Errorf("handlers were left behind: %q", left)
	}
}

// The stand-in is a QEMU from before 6.0: it takes the arguments that the kernel puts after the
// program's path for the program's own, and exits with their number.
func TestInstallLeavesPOutForAnEmulatorThatDoesNotUnderstandIt(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the stand-in is written for amd64")
	}
	k := newPrivateKernel(t)
	a, _ := Lookup("arm64")
	standIn, _ := Lookup("amd64")
	loadArgc, rest := standIn.code[:3], standIn.code[3:]
	standIn.code = slices.Concat(loadArgc, []byte{0xff, 0xcf} /* dec edi, once more */, rest)
	k.must(t, "umount /host/usr && mkdir -p /host/usr/bin")
	qemu := "/usr/bin/qemu-" + a.QEMU + "-static"
	file := filepath.Join("/proc", fmt.Sprint(k.pid), "root", k.root, "host", qemu)
	if err := os.WriteFile(file, standIn.Program(), 0o755); err != nil {
		t.Skip("the namespace's files cannot be written from here: ", err)
	}
	opt := InstallOptions{Shell: ContainerShell{Runner: k}, Runner: k, Platforms: plat("arm64"), HelperImage: "any", Sources: []Source{Host}}
	rep, err := Install(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if h := rep.Installed[0].Handler; h.Flags != "OCF" || h.Interpreter != qemu {
		t.Errorf("registered %s", h)
	}
}

func TestAHandlerThatAppearsMeanwhileIsLeftAlone(t *testing.T) {
	k := newPrivateKernel(t)
	arch := foreign()
	needQEMU(t, arch)
	a, _ := Lookup(arch)
	st := k.probe(t, arch)
	k.register(t, arch, "/usr/bin/qemu-"+a.QEMU+"-static", "FC")
	opt := InstallOptions{Shell: ContainerShell{Runner: k}, Runner: k, Platforms: plat(arch), HelperImage: "any", Sources: []Source{Host}, Status: &st}
	rep, err := Install(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if h := rep.Installed[0].Handler; h.Flags != "OCF" || !strings.Contains(rep.Attempts[0].String(), "registered already") {
		t.Errorf("%s; %s", h, rep.Attempts[0])
	}
}

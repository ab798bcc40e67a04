package emulation

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// inspectionOf inspects a machine through a report in the script's format; the host's part comes after
// the first end.
func inspectionOf(t *testing.T, probe, host string, archs ...string) Inspection {
	t.Helper()
	ins, err := Inspect(t.Context(), cannedShell("uname 6.1.0 x86_64\n"+probe+endMark+"\n"+host), plat(archs...)...)
	if err != nil {
		t.Fatal(err)
	}
	return ins
}

const debianHost = `host-os "Debian GNU/Linux 12 (bookworm)"
host-conf /usr/lib/binfmt.d/qemu-aarch64.conf :qemu-aarch64:M::\x7f:\xff:/usr/libexec/qemu-binfmt/aarch64-binfmt-P:OPF
host-has /usr/libexec/qemu-binfmt/aarch64-binfmt-P
host-has /usr/bin/qemu-aarch64-static
host-known
disk 1000 400
`

func TestTheVerdictDescribesTheProblem(t *testing.T) {
	const (
		ran    = "ran arm64 0\n"
		failed = "ran arm64 127\nsaid arm64 chroot: can't execute '/arm64': No such file or directory\n"
		static = "/usr/bin/qemu-aarch64-static"
	)
	disabled := strings.Replace(elfEntry("qemu-aarch64", "arm64", static, "POCF"), "enabled", "disabled", 1)
	for name, tt := range map[string]struct {
		arch, probe, host string
		want              Verdict
		why               string
	}{
		"native":                        {arch: "amd64", probe: listEntry + "ran amd64 0\n", want: OK},
		"all flags":                     {probe: elfEntry("qemu-aarch64", "arm64", static, "POCF") + listEntry + ran, want: OK},
		"without P":                     {probe: elfEntry("qemu-aarch64", "arm64", static, "OCF") + listEntry + ran, want: OK},
		"Debian's flags":                {probe: elfEntry("qemu-aarch64", "arm64", static, "POF") + listEntry + ran, want: NoC, why: "lacks flag C"},
		"without F":                     {probe: elfEntry("qemu-aarch64", "arm64", static, "POC") + listEntry + failed, host: debianHost, want: NoF, why: "lacks flag F"},
		"without F, the file gone":      {probe: elfEntry("qemu-aarch64", "arm64", "/usr/bin/gone", "OC") + listEntry + failed, host: debianHost, want: Dead, why: "/usr/bin/gone"},
		"without F, the host not known": {probe: elfEntry("qemu-aarch64", "arm64", "/usr/bin/gone", "OC") + listEntry + failed, want: NoF, why: "lacks flag F"},
		"dies":                          {probe: elfEntry("qemu-aarch64", "arm64", static, "OCF") + listEntry + "ran arm64 139\n", want: Broken, why: "status 139"},
		"disabled":                      {probe: disabled + listEntry + failed, want: Disabled, why: "echo 1 >"},
		"all switched off": {
			probe: elfEntry("qemu-aarch64", "arm64", static, "OCF") + binfmtDir + "/status:disabled\n" + failed, want: Off, why: "switched off",
		},
		"none": {probe: listEntry + failed, want: Missing, why: "no emulator is installed"},
		"python and WSL are nobody's business": {
			probe: entry("python3.11", "enabled", "interpreter /usr/bin/python3.11", "flags: ", "offset 0", "magic 550d0d0a") +
				entry("WSLInterop", "enabled", "interpreter /init", "flags: PF", "offset 0", "magic 4d5a") + listEntry + failed,
			want: Missing, why: "no emulator is installed",
		},
		"a broken handler in front of QEMU's": {
			probe: elfEntry("mine", "arm64", "/usr/bin/mine", "F") + elfEntry("qemu-aarch64", "arm64", static, "OCF") + listEntry + "ran arm64 1\n",
			want:  Shadowed, why: "mine",
		},
		"rosetta in front of QEMU's": {
			probe: elfEntry("rosetta", "arm64", "/mnt/rosetta", "OCF") + elfEntry("qemu-aarch64", "arm64", static, "OCF") + listEntry + ran, want: OK,
		},
		"the machine's own programs through QEMU": {
			arch: "amd64", probe: elfEntry("qemu-x86_64", "amd64", "/q", "OCF") + listEntry + "ran amd64 0\n", want: Shadowed, why: "runs these programs itself",
		},
		"32-bit programs through QEMU, on a machine that may have no 32-bit mode": {
			arch: "386", probe: elfEntry("qemu-i386", "386", static, "OCF") + listEntry + "ran 386 0\n", want: OK,
		},
		"BuildKit's own": {
			probe: listEntry + failed + "builder arm64 0 /usr/bin/buildkit-qemu-aarch64\n", want: BuilderOnly, why: "/usr/bin/buildkit-qemu-aarch64",
		},
	} {
		t.Run(name, func(t *testing.T) {
			arch := tt.arch
			if arch == "" {
				arch = "arm64"
			}
			got, why := inspectionOf(t, tt.probe, tt.host, arch).Verdict(plat(arch)[0])
			if got != tt.want || !strings.Contains(why, tt.why) {
				t.Errorf("%s: %q, want %s: %q", got, why, tt.want, tt.why)
			}
			if (got == OK) != (why == "") {
				t.Errorf("%s has the reason %q", got, why)
			}
		})
	}
}

func TestEachHandlerIsJudgedByItsOwn(t *testing.T) {
	ins := inspectionOf(t, elfEntry("rosetta", "arm64", "/mnt/rosetta", "OCF")+elfEntry("qemu-aarch64", "arm64", "/q", "OCF")+listEntry+"ran arm64 0\n", "", "arm64")
	sup, _ := ins.Arch("arm64")
	var got []Verdict
	for _, h := range sup.Handlers {
		v, _ := ins.Judge(sup, h)
		got = append(got, v)
	}
	if diff := cmp.Diff([]Verdict{OK, Shadowed}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheOriginOfAHandlerFollowsFromTheHostsFiles(t *testing.T) {
	ins := inspectionOf(t, listEntry+"ran arm64 127\n", debianHost, "arm64")
	for name, tt := range map[string]struct {
		handler Handler
		want    string
	}{
		"a package's":               {Handler{Name: "qemu-aarch64", Interpreter: "/usr/libexec/qemu-binfmt/aarch64-binfmt-P", Flags: "POF"}, "package of Debian GNU/Linux 12 (bookworm) (/usr/lib/binfmt.d/qemu-aarch64.conf)"},
		"ours, from the host":       {Handler{Name: "qemu-aarch64", Interpreter: "/usr/bin/qemu-aarch64-static", Flags: "POCF"}, "docker multiarch or another program, from the host's files"},
		"somebody's, from the host": {Handler{Name: "qemu-aarch64", Interpreter: "/usr/bin/qemu-aarch64-static", Flags: "F"}, "another program, from the host's files"},
		"an image's":                {Handler{Name: "qemu-s390x", Interpreter: "/usr/bin/qemu-s390x", Flags: "POCF"}, "an image such as tonistiigi/binfmt"},
		"Rosetta":                   {Handler{Name: "rosetta", Interpreter: "/mnt/rosetta", Flags: "OCF"}, "Rosetta"},
		"WSL":                       {Handler{Name: "WSLInterop-late", Interpreter: "/init"}, "WSL"},
		"another program's":         {Handler{Name: "python3.11", Interpreter: "/usr/bin/python3.11"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ins.Host.Origin(tt.handler); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if got := (HostView{}).Origin(Handler{Name: "qemu-s390x", Flags: "F"}); got != "" {
		t.Errorf("of an unknown host: %q", got)
	}
	if ins.FreeDisk != 400<<10 || ins.Disk != 1000<<10 {
		t.Errorf("disk: %d of %d", ins.FreeDisk, ins.Disk)
	}
}

func TestAProbeHasTheVersions(t *testing.T) {
	ins := inspectionOf(t, elfEntry("qemu-aarch64", "arm64", "/q", "OCF")+listEntry+
		"ran arm64 0\nversion arm64 qemu-aarch64 version 7.2.22 (Debian 1:7.2+dfsg-7)\nran s390x 1\nversion s390x hello\n", "", "arm64", "s390x")
	if sup, _ := ins.Arch("arm64"); sup.Version != "7.2.22" || ins.FreeDisk != -1 {
		t.Errorf("version %q, free disk %d", sup.Version, ins.FreeDisk)
	}
	if sup, _ := ins.Arch("s390x"); sup.Version != "" {
		t.Errorf("version %q of what is not QEMU", sup.Version)
	}
}

func TestAnInspectionThatIsCutShortIsAnError(t *testing.T) {
	_, err := Inspect(t.Context(), cannedShell("uname 6.1.0 x86_64\nran arm64 0\n"), plat("arm64")...)
	if err == nil || !strings.Contains(err.Error(), "is incomplete") {
		t.Errorf("got %v", err)
	}
}

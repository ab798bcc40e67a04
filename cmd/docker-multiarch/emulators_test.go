package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func platformsOf(t *testing.T, names ...string) []platform.Platform {
	t.Helper()
	ps, _, err := platform.Parse(names...)
	if err != nil {
		t.Fatal(err)
	}
	return ps
}

// kernelOf is a machine on which arm64 runs through Debian's handler, and s390x through nothing.
func kernelOf(t *testing.T) emulation.Inspection {
	t.Helper()
	a, _ := emulation.Lookup("arm64")
	return emulation.Inspection{
		Status: emulation.Status{
			Kernel: "6.1.0", Machine: "x86_64",
			Handlers: []emulation.Handler{
				{Name: "python3.11", Enabled: true, Interpreter: "/usr/bin/python3.11"},
				{Name: "qemu-aarch64", Enabled: true, Interpreter: "/usr/bin/q", Flags: "POF", Magic: a.Magic(), Mask: a.Mask()},
			},
			Archs: []emulation.Support{
				{Arch: "amd64", Mode: emulation.Native, Ran: true},
				{
					Arch: "arm64", Mode: emulation.Emulated, Ran: true, Version: "7.2.22",
					Handlers: []emulation.Handler{{Name: "qemu-aarch64", Enabled: true, Interpreter: "/usr/bin/q", Flags: "POF", Magic: a.Magic(), Mask: a.Mask()}},
				},
				{Arch: "s390x", Mode: emulation.None, ExitStatus: 127},
			},
		},
		FreeDisk: 10 << 30, Disk: 100 << 30,
	}
}

func TestTheEmulatorsTableSaysHowEachPlatformRuns(t *testing.T) {
	var out bytes.Buffer
	ps := platformsOf(t, "linux/amd64", "linux/arm64", "linux/s390x")
	if err := emulatorsTable(&out, statusRows("host", kernelOf(t), ps)); err != nil {
		t.Fatal(err)
	}
	want := `Engine host, kernel 6.1.0 on x86_64

PLATFORM      RUNS       HANDLER        FLAGS   INTERPRETER   QEMU     VERDICT
linux/amd64   native     -              -       -             -        ok
linux/arm64   emulated   qemu-aarch64   POF     /usr/bin/q    7.2.22   no C
linux/s390x   none       -              -       -             -        none

linux/arm64: programs with setuid rights (sudo, ping) lose them: it lacks flag C
other handlers: python3.11
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	out.Reset()
	if err := emulatorsQuiet(&out, statusRows("host", kernelOf(t), ps)); err != nil || out.String() != "linux/amd64\nlinux/arm64\n" {
		t.Errorf("quiet: %q, %v", out.String(), err)
	}
}

func TestEmulatorsRefuseWhatNobodyEmulatesAtOnce(t *testing.T) {
	for word, want := range map[string]string{
		"amr64":          `did you mean "linux/arm64"`,
		"windows/amd64":  "only programs for linux",
		"linux/ppc64":    "there is no emulator for it; there are ones for amd64, arm64",
		"linux/arm64/v9": "no emulator is known to have variant v9 of arm64",
		"linux/amd64/v4": "no emulator is known to have variant v4 of amd64",
		"all,arm64":      "unknown platform",
	} {
		_, err := parseInstall(installOptions{platforms: []string{word}, source: "auto", format: "table"})
		if _, ok := errors.AsType[*usage](err); !ok || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: %v", word, err)
		}
	}
	for _, o := range []installOptions{
		{source: "elsewhere", format: "table"},
		{source: "host", image: "x", format: "table"},
		{source: "auto", format: "yaml"},
		{source: "auto", format: "table", platforms: []string{"all", "arm64"}},
	} {
		if _, err := parseInstall(o); statusOf(err) != exitUsage {
			t.Errorf("%+v: %v", o, err)
		}
	}
	ps, err := parseInstall(installOptions{platforms: []string{"all"}, source: "auto", format: "table"})
	if err != nil || len(ps) != 10 {
		t.Errorf("all: %v, %v", ps, err)
	}
}

func TestTheInstallTableShowsOldAndNewFlags(t *testing.T) {
	ins := kernelOf(t)
	ps := platformsOf(t, "linux/amd64", "linux/arm64", "linux/s390x")
	rep := emulation.Report{
		Status: ins.Status,
		Installed: []emulation.Installed{{
			Arch: "arm64", Source: emulation.Host, Handler: ins.Handlers[1], Old: []emulation.Handler{{Name: "qemu-aarch64", Flags: "OC"}},
		}},
	}
	var out bytes.Buffer
	if err := printInstalled(&out, "table", ps, rep); err != nil {
		t.Fatal(err)
	}
	want := `PLATFORM      RESULT         RUNS       HANDLER        OLD FLAGS   FLAGS   SOURCE
linux/amd64   runs already   native     -              -           -       -
linux/arm64   replaced       emulated   qemu-aarch64   OC          POF     host
linux/s390x   FAILED         none       -              -           -       -
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestWhatCannotRunComesWithTheCommandThatMendsIt(t *testing.T) {
	ins := kernelOf(t)
	s390x := platformsOf(t, "linux/s390x")
	broken := ins.Status
	broken.Archs = []emulation.Support{{Arch: "arm64", Mode: emulation.None, Handlers: ins.Handlers[1:]}}
	step := func(mode plan.Mode, crashed bool) error {
		return &solve.StepError{Platform: s390x[0], Mode: mode, Emulator: "qemu 7.2.22", Crashed: crashed, Err: errors.New("exit code: 139")}
	}
	for name, tt := range map[string]struct {
		err  error
		want []string
	}{
		"nothing installed": {
			&emulation.MissingError{Platforms: s390x, Status: ins.Status}, []string{"docker multiarch emulators install linux/s390x"},
		},
		"a broken handler": {
			&emulation.MissingError{Platforms: platformsOf(t, "linux/arm64"), Status: broken}, []string{"docker multiarch emulators install --force linux/arm64"},
		},
		"an image that is not had": {
			&emulation.MissingError{Platforms: s390x, Status: ins.Status, Attempts: []emulation.Attempt{
				{Source: emulation.Registry, Image: "tonistiigi/binfmt:x", Err: errors.New("denied")},
			}},
			[]string{"load tonistiigi/binfmt:x on the engine", "--image", "qemu-user-static"},
		},
		"a build that may not install": {
			&preflight.CannotRunError{Node: "a", Platforms: s390x}, []string{"docker multiarch emulators install linux/s390x", "cross-compile"},
		},
		"an emulator that crashed":  {step(plan.Emulated, true), []string{"qemu 7.2.22", "linux/s390x", "not your program's fault", "--force"}},
		"BuildKit's that crashed":   {step(plan.EmulatedBuilder, true), []string{"BuildKit's own", "emulators install linux/s390x"}},
		"a handler that went":       {step(plan.Emulated, false), []string{"docker multiarch emulators status linux/s390x"}},
		"a program of another kind": {step(plan.Native, false), []string{"another platform than the one"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := hintFor(fmt.Errorf("wrapped: %w", tt.err))
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not in %q", want, got)
				}
			}
		})
	}
}

func TestDoctorGradesEmulators(t *testing.T) {
	ins := kernelOf(t)
	grades := func(cs []check) string {
		var out []string
		for _, c := range cs {
			out = append(out, string(c.Grade))
		}
		return strings.Join(out, " ")
	}
	checks := checkEmulators(engine.Info{}, ins)
	if got := grades(checks); got != "ok warning" || checks[1].Fix != "docker multiarch emulators install --force linux/arm64" {
		t.Errorf("%s: %+v", got, checks)
	}
	if checks := checkEmulators(engine.Info{Rootless: true}, ins); checks[0].Grade != gradeWarning {
		t.Errorf("a rootless engine: %+v", checks[0])
	}
	ins.Archs[1].Ran, ins.Archs[1].Mode = false, emulation.None
	ins.Archs[1].Handlers[0].Flags = "P"
	if checks := checkEmulators(engine.Info{}, ins); grades(checks) != "ok broken" || !strings.Contains(checks[1].Fix, "--force") {
		t.Errorf("a handler without F: %+v", checks)
	}
	ins.FreeDisk = 100 << 20
	if c := checkDisk(ins); c.Grade != gradeBroken || c.Fix == "" {
		t.Errorf("a full disk: %+v", c)
	}
	d := diagnosis{Grade: gradeOK}
	d.add(check{Grade: gradeBroken}, check{Grade: gradeWarning}, check{Grade: gradeOK})
	if d.Grade != gradeBroken {
		t.Errorf("the worst is %s", d.Grade)
	}
}

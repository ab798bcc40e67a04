package emulators

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
)

func TestTheEmulatorsTableSaysHowEachPlatformRuns(t *testing.T) {
	var out bytes.Buffer
	ps := clitest.PlatformsOf(t, "linux/amd64", "linux/arm64", "linux/s390x")
	if err := emulatorsTable(&out, []emulatorsStatus{statusRows("host", clitest.KernelOf(t), ps)}); err != nil {
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
	if err := emulatorsQuiet(&out, []emulatorsStatus{statusRows("host", clitest.KernelOf(t), ps)}); err != nil || out.String() != "linux/amd64\nlinux/arm64\n" {
		t.Errorf("quiet: %q, %v", out.String(), err)
	}
}

func TestPlatformsWithoutAnEmulatorAreRefusedAtOnce(t *testing.T) {
	for word, want := range map[string]string{
		"amr64":          `did you mean "linux/arm64"`,
		"windows/amd64":  "only programs for linux",
		"linux/ppc64":    "there is no emulator for it; the architectures with one are amd64, arm64",
		"linux/arm64/v9": "no known emulator has variant v9 of arm64",
		"linux/amd64/v4": "no known emulator has variant v4 of amd64",
		"all,arm64":      "unknown platform",
	} {
		_, err := parseInstall(installOptions{platforms: []string{word}, source: "auto", format: "table"})
		if _, ok := errors.AsType[*cli.Usage](err); !ok || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: %v", word, err)
		}
	}
	for _, o := range []installOptions{
		{source: "elsewhere", format: "table"},
		{source: "host", image: "x", format: "table"},
		{source: "auto", format: "yaml"},
		{source: "auto", format: "table", platforms: []string{"all", "arm64"}},
	} {
		_, err := parseInstall(o)
		if _, ok := errors.AsType[*cli.Usage](err); !ok {
			t.Errorf("%+v: %v", o, err)
		}
	}
	ps, err := parseInstall(installOptions{platforms: []string{"all"}, source: "auto", format: "table"})
	if err != nil || len(ps) != 10 {
		t.Errorf("all: %v, %v", ps, err)
	}
}

func TestTheInstallTableShowsOldAndNewFlags(t *testing.T) {
	ins := clitest.KernelOf(t)
	ps := clitest.PlatformsOf(t, "linux/amd64", "linux/arm64", "linux/s390x")
	rep := emulation.Report{
		Status: ins.Status,
		Installed: []emulation.Installed{{
			Arch: "arm64", Source: emulation.Host, Handler: ins.Handlers[1], Old: []emulation.Handler{{Name: "qemu-aarch64", Flags: "OC"}},
		}},
	}
	var out bytes.Buffer
	if err := printInstalled(&out, installedRows(ps, rep)); err != nil {
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

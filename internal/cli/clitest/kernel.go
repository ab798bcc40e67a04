package clitest

import (
	"testing"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// PlatformsOf parses the names of platforms.
func PlatformsOf(t *testing.T, names ...string) []platform.Platform {
	t.Helper()
	ps, _, err := platform.Parse(names...)
	if err != nil {
		t.Fatal(err)
	}
	return ps
}

// KernelOf is a machine that runs arm64 through Debian's handler, and has no handler for s390x.
func KernelOf(t *testing.T) emulation.Inspection {
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

//go:build e2e

package e2e

import (
	"debug/elf"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/exe/exetest"
)

// These are the loaders of programs for 32-bit ARM, by how they pass floating-point numbers, and the flags that mark it.
const (
	loaderHard = "/lib/ld-linux-armhf.so.3"
	loaderSoft = "/lib/ld-linux.so.3"
	flagsHard  = 0x05000400
	flagsSoft  = 0x05000200
)

// madeFixtures returns the fixtures that no toolchain here makes.
func madeFixtures() files {
	arm := exetest.ELF{Machine: elf.EM_ARM, Narrow: true}
	of := func(e exetest.ELF, kind elf.Type, flags uint32, loader string) string {
		e.Type, e.Flags, e.Interp = kind, flags, loader
		return string(e.Bytes())
	}
	all := files{
		"float/hard":        of(arm, elf.ET_EXEC, flagsHard, loaderHard),
		"float/soft":        of(arm, elf.ET_EXEC, flagsSoft, loaderSoft),
		"float/mixed":       of(arm, elf.ET_EXEC, flagsSoft, loaderHard),
		"float/loaderhard":  of(arm, elf.ET_DYN, flagsHard, ""),
		"float/loadersoft":  of(arm, elf.ET_DYN, flagsSoft, ""),
		"dynamic/linux/386": string(exetest.Program("386", "/lib/ld-linux.so.2")),
		"script/windows":    "#!/bin/sh\r\necho hello\r\n",
		"other/filter.o":    of(exetest.ELF{Machine: elf.EM_BPF}, elf.ET_REL, 0, ""),
		"other/board.elf":   of(exetest.ELF{Machine: elf.EM_AVR, Narrow: true}, elf.ET_EXEC, 0, ""),
		"other/App.dll":     string(exetest.PE(0x14c, 3, true)), // for .NET, which marks its libraries for any machine as ones for the 386
		"other/app.jar":     "PK\x03\x04\x14\x00\x08\x08" + strings.Repeat("\x00", 64),
		"other/Main.class":  string(exetest.JavaClass()),
		"other/cut.elf":     string(exetest.Program("amd64", "")[:40]),
		"other/data.bin":    "\x7fELF, and no more of it",
	}
	for platform, arch := range map[string]string{
		"linux/amd64": "amd64", "linux/386": "386", "linux/arm64": "arm64", "linux/arm/v7": "arm", "linux/ppc64le": "ppc64le", "linux/riscv64": "riscv64",
		"linux/s390x": "s390x",
	} {
		e := exetest.ForArch(arch)
		all["shared/"+platform] = of(e, elf.ET_DYN, e.Flags, "")
	}
	return all
}

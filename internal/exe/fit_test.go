package exe_test

import (
	"debug/elf"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/exe"
	"github.com/docker-multiarch/docker-multiarch/internal/exe/exetest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestFilesFitPlatforms(t *testing.T) {
	n32 := exetest.ELF{Machine: elf.EM_MIPS, Narrow: true, Flags: 0x20}.Bytes()
	for _, test := range []struct {
		file      []byte
		platforms string
		want      exe.Fit
	}{
		{exetest.Program("amd64", ""), "linux/amd64,linux/amd64/v2,linux/amd64/v3,freebsd/amd64", exe.Runs},
		{exetest.Program("amd64", ""), "linux/386,linux/arm64,windows/amd64,darwin/amd64,wasi/wasm", exe.Wrong},
		{exetest.Program("386", ""), "linux/386", exe.Runs},
		{exetest.Program("386", ""), "linux/amd64,linux/amd64/v3", exe.RunsElsewhereToo},
		{exetest.Program("arm", ""), "linux/arm/v5,linux/arm/v6,linux/arm/v7,linux/arm/v8", exe.Runs},
		{exetest.ELF{Machine: elf.EM_ARM, Narrow: true, Flags: 0x05000200}.Bytes(), "linux/arm/v7", exe.Runs},
		{exetest.Program("arm", ""), "linux/arm64", exe.RunsElsewhereToo},
		{exetest.Program("arm64", ""), "linux/arm/v7,linux/arm/v8,linux/amd64", exe.Wrong},
		{exetest.Program("arm64", ""), "linux/arm64,linux/arm64/v9", exe.Runs},
		{exetest.ELF{Machine: elf.EM_AARCH64, BigEndian: true}.Bytes(), "linux/arm64", exe.Wrong},
		{exetest.ELF{Machine: elf.EM_X86_64, Narrow: true}.Bytes(), "linux/amd64", exe.RunsElsewhereToo},
		{exetest.Program("ppc64", ""), "linux/ppc64le", exe.Wrong},
		{exetest.Program("ppc64le", ""), "linux/ppc64", exe.Wrong},
		{exetest.Program("ppc64le", ""), "linux/ppc64le,linux/ppc64le/power9", exe.Runs},
		{exetest.ELF{Machine: elf.EM_RISCV, Narrow: true}.Bytes(), "linux/riscv64", exe.Wrong},
		{exetest.Program("s390x", ""), "linux/s390x", exe.Runs},
		{exetest.Program("mips64le", ""), "linux/mips64le", exe.Runs},
		{exetest.Program("mips64le", ""), "linux/mips64", exe.Wrong},
		{n32, "linux/mips64le", exe.RunsElsewhereToo},
		{exetest.Program("loong64", ""), "linux/loong64", exe.Runs},
		{exetest.PE(0x8664, 3, false), "windows/amd64", exe.Runs},
		{exetest.PE(0x8664, 3, false), "windows/arm64", exe.RunsElsewhereToo},
		{exetest.PE(0xaa64, 3, false), "windows/amd64,linux/arm64", exe.Wrong},
		{exetest.PE(0x14c, 3, true), "windows/amd64,linux/arm64,linux/amd64", exe.Runs},
		{exetest.MachO(0x01000007, 0x0100000c), "darwin/amd64,darwin/arm64", exe.Runs},
		{exetest.MachO(0x01000007), "darwin/arm64", exe.RunsElsewhereToo},
		{exetest.MachO(0x01000007, 0x0100000c), "linux/amd64,linux/arm64", exe.Wrong},
		{[]byte("#!/bin/sh\n"), "linux/amd64,windows/amd64,linux/s390x", exe.Runs},
	} {
		f, ok, err := exe.Read(test.file, nil)
		if err != nil || !ok {
			t.Fatalf("%q: %v, %v", test.file[:20], ok, err)
		}
		platforms, _, err := platform.Parse(test.platforms)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range platforms {
			got, why := f.Fit(p.OS, p.Architecture)
			if got != test.want {
				t.Errorf("%s in %s: %v (%s), want %v", f, platform.Format(p), got, why, test.want)
			}
			if (why == "") != (got == exe.Runs) {
				t.Errorf("%s in %s: %v says %q", f, platform.Format(p), got, why)
			}
		}
	}
}

func TestFilesAreNamedForPeople(t *testing.T) {
	for want, file := range map[string][]byte{
		"amd64":                         exetest.Program("amd64", ""),
		"arm (hard float)":              exetest.Program("arm", ""),
		"amd64 (x32)":                   exetest.ELF{Machine: elf.EM_X86_64, Narrow: true}.Bytes(),
		"Windows arm64 (PE)":            exetest.PE(0xaa64, 3, false),
		"macOS amd64+arm64 (Mach-O)":    exetest.MachO(0x01000007, 0x0100000c),
		`script for "/usr/bin/env awk"`: []byte("#!/usr/bin/env awk\n"),
	} {
		f, _, _ := exe.Read(file, strings.NewReader(""))
		if f.String() != want {
			t.Errorf("%q, want %q", f, want)
		}
	}
}

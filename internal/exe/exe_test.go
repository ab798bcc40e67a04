package exe_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/exe"
	"github.com/docker-multiarch/docker-multiarch/internal/exe/exetest"
)

func TestFilesSayForWhichMachineTheyAre(t *testing.T) {
	const musl = "/lib/ld-musl-x86_64.so.1"
	for name, test := range map[string]struct {
		file []byte
		want exe.File
	}{
		"static":        {exetest.Program("amd64", ""), exe.File{Machine: "amd64", Bits: 64}},
		"dynamic":       {exetest.Program("amd64", musl), exe.File{Machine: "amd64", Bits: 64, Interpreter: musl}},
		"386":           {exetest.Program("386", musl), exe.File{Machine: "386", Bits: 32, Interpreter: musl}},
		"x32":           {exetest.ELF{Machine: elf.EM_X86_64, Narrow: true}.Bytes(), exe.File{Machine: "amd64", Bits: 32, ABI: "x32"}},
		"arm64":         {exetest.Program("arm64", ""), exe.File{Machine: "arm64", Bits: 64}},
		"arm hard":      {exetest.Program("arm", ""), exe.File{Machine: "arm", Bits: 32, Float: "hard"}},
		"arm soft":      {exetest.ELF{Machine: elf.EM_ARM, Narrow: true, Flags: 0x05000200}.Bytes(), exe.File{Machine: "arm", Bits: 32, Float: "soft"}},
		"arm of old":    {exetest.ELF{Machine: elf.EM_ARM, Narrow: true, Flags: 0x04000400}.Bytes(), exe.File{Machine: "arm", Bits: 32}},
		"riscv64":       {exetest.Program("riscv64", ""), exe.File{Machine: "riscv64", Bits: 64, Float: "double"}},
		"riscv32 soft":  {exetest.ELF{Machine: elf.EM_RISCV, Narrow: true}.Bytes(), exe.File{Machine: "riscv32", Bits: 32, Float: "soft"}},
		"ppc64":         {exetest.Program("ppc64", musl), exe.File{Machine: "ppc64", Bits: 64, BigEndian: true, ABI: "elfv1", Interpreter: musl}},
		"ppc64le":       {exetest.Program("ppc64le", ""), exe.File{Machine: "ppc64le", Bits: 64, ABI: "elfv2"}},
		"s390x":         {exetest.Program("s390x", ""), exe.File{Machine: "s390x", Bits: 64, BigEndian: true}},
		"mips64le":      {exetest.Program("mips64le", ""), exe.File{Machine: "mips64le", Bits: 64, ABI: "n64"}},
		"mips64le n32":  {exetest.ELF{Machine: elf.EM_MIPS, Narrow: true, Flags: 0x20}.Bytes(), exe.File{Machine: "mips64le", Bits: 32, ABI: "n32"}},
		"mips":          {exetest.ELF{Machine: elf.EM_MIPS, Narrow: true, BigEndian: true}.Bytes(), exe.File{Machine: "mips", Bits: 32, BigEndian: true, ABI: "o32"}},
		"loong64":       {exetest.Program("loong64", ""), exe.File{Machine: "loong64", Bits: 64, Float: "double"}},
		"BPF":           {exetest.ELF{Machine: elf.EM_BPF, Type: elf.ET_REL}.Bytes(), exe.File{Machine: "bpf", Bits: 64, Kind: exe.Object}},
		"unknown":       {exetest.ELF{Machine: 0x1234}.Bytes(), exe.File{Machine: "elf machine 0x1234", Bits: 64}},
		"library":       {exetest.ELF{Machine: elf.EM_X86_64, Type: elf.ET_DYN}.Bytes(), exe.File{Machine: "amd64", Bits: 64, Kind: exe.Shared}},
		"core":          {exetest.ELF{Machine: elf.EM_X86_64, Type: elf.ET_CORE}.Bytes(), exe.File{Machine: "amd64", Bits: 64, Kind: exe.Core}},
		"headers far":   {exetest.ELF{Machine: elf.EM_X86_64, Interp: musl, Headers: 200000}.Bytes(), exe.File{Machine: "amd64", Bits: 64, Interpreter: musl}},
		"loader far":    {exetest.ELF{Machine: elf.EM_X86_64, Interp: musl, InterpAt: 3 << 20}.Bytes(), exe.File{Machine: "amd64", Bits: 64, Interpreter: musl}},
		"loader across": {exetest.ELF{Machine: elf.EM_X86_64, Interp: musl, InterpAt: 4090}.Bytes(), exe.File{Machine: "amd64", Bits: 64, Interpreter: musl}},
		"loader before": {
			exetest.ELF{Machine: elf.EM_X86_64, Interp: musl, Headers: 90000, InterpAt: 1000}.Bytes(), exe.File{Machine: "amd64", Bits: 64, Interpreter: musl},
		},
		"PE":             {exetest.PE(0x8664, 3, false), exe.File{Format: exe.PE, Machine: "amd64", Bits: 64}},
		"PE 386":         {exetest.PE(0x14c, 3, false), exe.File{Format: exe.PE, Machine: "386", Bits: 32}},
		".NET":           {exetest.PE(0x14c, 3, true), exe.File{Format: exe.PE, Machine: exe.AnyMachine}},
		".NET for Linux": {exetest.PE(0x8664^0x7b79, 3, true), exe.File{Format: exe.PE, Machine: exe.AnyMachine}},
		"EFI":            {exetest.PE(0xaa64, 10, false), exe.File{Format: exe.PE, Machine: "arm64", Bits: 64, Kind: exe.Firmware}},
		"Mach-O":         {exetest.MachO(0x0100000c), exe.File{Format: exe.MachO, Machine: "arm64", Bits: 64}},
		"universal":      {exetest.MachO(0x01000007, 0x0100000c), exe.File{Format: exe.MachO, Machine: "amd64+arm64"}},
	} {
		t.Run(name, func(t *testing.T) {
			if test.want.Format == "" {
				test.want.Format = exe.ELF
			}
			if test.want.Kind == "" {
				test.want.Kind = exe.Executable
			}
			for _, cut := range []int{8, 64, len(test.file)} {
				head, rest := test.file[:cut], iotest.OneByteReader(bytes.NewReader(test.file[cut:]))
				got, ok, err := exe.Read(head, rest)
				if err != nil || !ok {
					t.Fatalf("with %d bytes: %v, %v", cut, ok, err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("with %d bytes:\n%s", cut, diff)
				}
			}
		})
	}
}

func TestScriptsAreReadAsLinuxReadsThem(t *testing.T) {
	for line, want := range map[string]exe.File{
		"#!/bin/sh\n":                           {Interpreter: "/bin/sh"},
		"#! \t/bin/sh  -e \t\necho":             {Interpreter: "/bin/sh", Args: []string{"-e"}},
		"#!/usr/bin/env python3":                {Interpreter: "/usr/bin/env", Args: []string{"python3"}},
		"#!/usr/bin/env -S deno run --a\n":      {Interpreter: "/usr/bin/env", Args: []string{"-S deno run --a"}},
		"#!/bin/sh\r\necho\r\n":                 {Interpreter: "/bin/sh\r"},
		"#!/bin/bash -e\r\n":                    {Interpreter: "/bin/bash", Args: []string{"-e\r"}},
		"#!/bin/sh " + strings.Repeat("x", 500): {Interpreter: "/bin/sh", Args: []string{strings.Repeat("x", 246)}},
		"#!/" + strings.Repeat("x", 500) + "\n": {},
		"#!\n/bin/sh\n":                         {},
		"#!":                                    {},
		"#!/bin/\x00sh\n":                       {},
		"#!   \r\n":                             {},
	} {
		got, ok, err := exe.Read([]byte(line), nil)
		if want.Interpreter != "" {
			want.Format = exe.Script
		}
		if err != nil || ok != (want.Format != "") {
			t.Errorf("%q: %v, %v", line, ok, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", line, diff)
		}
	}
}

func TestFilesThatAreNotExecutablesAreReported(t *testing.T) {
	elf64 := exetest.Program("amd64", "/lib/ld.so")
	badClass, badOrder := bytes.Clone(elf64), bytes.Clone(elf64)
	badClass[4], badOrder[5] = 7, 0
	stub := bytes.Clone(exetest.PE(0x8664, 3, false))
	binary.LittleEndian.PutUint32(stub[0x3c:], 0xfffffff0)
	for name, file := range map[string][]byte{
		"empty": nil, "one byte": {0x7f}, "text": []byte("hello, world\n"), "cut off": elf64[:50], "class": badClass, "order": badOrder,
		"Java": exetest.JavaClass(), "DOS": append([]byte("MZ"), make([]byte, 100)...), "PE far away": stub, "archive": []byte("!<arch>\ndebian"),
		"universal of nothing known": exetest.MachO(1, 2), "cut off universal": exetest.MachO(0x01000007, 0x0100000c)[:30],
	} {
		if got, ok, err := exe.Read(file, nil); ok || err != nil || got.Format != "" {
			t.Errorf("%s: %+v, %v, %v", name, got, ok, err)
		}
	}
}

func TestHostileHeadersKeepTheMachineAndNothingElse(t *testing.T) {
	header := func(change func(b []byte)) []byte {
		b := exetest.Program("arm64", "/lib/ld.so")
		change(b)
		return b
	}
	for name, file := range map[string][]byte{
		"headers behind the end": header(func(b []byte) { binary.LittleEndian.PutUint64(b[32:], 1<<40) }),
		"headers before":         header(func(b []byte) { binary.LittleEndian.PutUint64(b[32:], 1<<63) }),
		"very many headers":      header(func(b []byte) { binary.LittleEndian.PutUint16(b[56:], 0xffff) }),
		"headers of no size":     header(func(b []byte) { binary.LittleEndian.PutUint16(b[54:], 0) }),
		"a huge loader name":     header(func(b []byte) { binary.LittleEndian.PutUint64(b[64+56+32:], 1<<62) }),
		"a loader of size < 0":   header(func(b []byte) { binary.LittleEndian.PutUint64(b[64+56+32:], 1<<63+5) }),
		"a loader behind":        header(func(b []byte) { binary.LittleEndian.PutUint64(b[64+56+8:], 1<<62) }),
		"a loader at the end":    header(func(b []byte) { binary.LittleEndian.PutUint64(b[64+56+8:], 1<<63-2) }),
	} {
		got, ok, err := exe.Read(file, nil)
		want := exe.File{Format: exe.ELF, Machine: "arm64", Bits: 64, Kind: exe.Executable}
		if err != nil || !ok {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAnErrorOfTheStreamIsTold(t *testing.T) {
	broken := errors.New("the line is down")
	b := exetest.Program("amd64", "/lib/ld.so")
	if _, ok, err := exe.Read(b[:64], iotest.ErrReader(broken)); ok || !errors.Is(err, broken) {
		t.Errorf("%v, %v", ok, err)
	}
	if _, ok, err := exe.Read([]byte("a text, as most files are"), iotest.ErrReader(broken)); ok || err != nil {
		t.Errorf("what is no executable is not read further: %v, %v", ok, err)
	}
}

func TestTheTestItselfIsForThisMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads its own ELF file")
	}
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	head := make([]byte, 64)
	if _, err := io.ReadFull(f, head); err != nil {
		t.Fatal(err)
	}
	got, ok, err := exe.Read(head, f)
	if err != nil || !ok || got.Machine != runtime.GOARCH || got.Kind != exe.Executable {
		t.Errorf("%+v, %v, %v", got, ok, err)
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range [][]byte{
		exetest.Program("amd64", "/lib/ld.so"), exetest.Program("ppc64", "/lib/ld.so"), exetest.Program("arm", ""),
		exetest.ELF{Machine: elf.EM_386, Narrow: true, Interp: "/x", Headers: 5000}.Bytes(), exetest.PE(0x8664, 3, true), exetest.PE(0x14c, 10, false),
		exetest.MachO(0x0100000c), exetest.MachO(7, 0x01000007), exetest.JavaClass(), []byte("#!/usr/bin/env -S a b\r\n"),
	} {
		f.Add(seed, 8)
		f.Add(seed[:len(seed)/2], 64)
	}
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		cut = min(max(cut, 0), len(b))
		got, ok, err := exe.Read(b[:cut], bytes.NewReader(b[cut:]))
		if err != nil || !ok && got.Format != "" || ok && got.Format == "" {
			t.Errorf("%+v, %v, %v", got, ok, err)
		}
		if len(got.Interpreter) > 4096 {
			t.Errorf("a name of %d bytes", len(got.Interpreter))
		}
	})
}

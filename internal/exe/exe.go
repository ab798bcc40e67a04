// Package exe finds the CPU of an executable from the file's beginning: ELF, PE and Mach-O programs, and scripts with a #! line.
//
// [Read] takes a stream, so a file within an archive need not be unpacked. It reads only the bytes it needs, in order. If a file
// is not an executable, it reads no more than it was given. [File.Fit] compares a file with a platform.
//
// Sources: elf(5) and the processor supplements of the System V ABI; "PE Format" of Microsoft and, for .NET, clr-abi.md of
// dotnet/runtime; mach-o/loader.h and mach-o/fat.h of Apple; fs/binfmt_script.c and fs/binfmt_elf.c of Linux.
package exe

import (
	"bytes"
	"io"
	"strconv"
	"strings"
)

// Format is the file format.
type Format string

// These are the known formats.
const (
	ELF    Format = "elf"
	PE     Format = "pe"
	MachO  Format = "mach-o"
	Script Format = "script"
)

// These are the kinds of files.
const (
	Executable = "executable"
	Shared     = "shared"   // a library, a plugin, or a program that is linked static-pie
	Object     = "object"   // linked before it runs: an object file, a kernel module
	Core       = "core"     // a core dump
	Firmware   = "firmware" // run by no operating system: EFI
)

// AnyMachine is the machine of a .NET assembly. Its code is compiled, or recompiled, where it runs.
const AnyMachine = "any"

// A File has the facts of a file's beginning. The zero value is not an executable.
type File struct {
	Format Format `json:"format"`
	// Machine is Go's name for the architecture, such as amd64 or ppc64le. An architecture without a Go port has a similar name,
	// such as riscv32, an unknown one "elf machine 0xf7" and the like, .NET AnyMachine. A universal Mach-O file has several,
	// joined by "+". A script has "".
	Machine   string `json:"machine,omitempty"`
	Bits      int    `json:"bits,omitempty"` // 32, 64, or 0 if unknown
	BigEndian bool   `json:"bigEndian,omitempty"`
	// Float is how floating-point values are passed, according to the flags: "soft" or "hard" for arm, "soft", "single", "double"
	// or "quad" for riscv; "" if the flags do not specify it.
	Float string `json:"float,omitempty"`
	ABI   string `json:"abi,omitempty"` // if the machine has several: x32, o32, n32, n64, elfv1, elfv2, lp64, ilp32; "" if it has one or the flags name none
	// Interpreter is the dynamic loader of an ELF program (PT_INTERP), or the program of the #! line as the kernel takes it,
	// including a carriage return at its end.
	Interpreter string   `json:"interpreter,omitempty"`
	Args        []string `json:"args,omitempty"` // of the #! line: Linux passes the rest of the line as one argument
	Kind        string   `json:"kind,omitempty"` // one of the constants above; "" for scripts
	// Level is the x86-64 level that an ELF program for amd64 declares: 2 is x86-64-v2. It is 0 if it declares none, as most do.
	Level int `json:"level,omitempty"`
}

// headSize is how much of a file [Read] reads first. Headers, program headers and the loader's name are nearly always there.
const headSize = 4096

// Read reads a file. head is its beginning, and rest the remainder, or nil if there is none. 8 bytes of head are enough to
// recognise a file that is not an executable, and then nothing of rest is read. ok is false for a file of no known format, and for
// one that is cut off before its machine. For a file that is damaged further on, Read returns the facts up to there. An error is
// rest's.
func Read(head []byte, rest io.Reader) (f File, ok bool, err error) {
	return read(&stream{head: head, rest: rest})
}

func read(s *stream) (f File, ok bool, err error) {
	switch head := s.head; {
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		f, ok = readELF(s)
	case bytes.HasPrefix(head, []byte("MZ")):
		f, ok = readPE(s)
	case bytes.HasPrefix(head, []byte("#!")):
		f, ok = readScript(s)
	case isMachO(head):
		f, ok = readMachO(s)
	default:
		return File{}, false, nil
	}
	if s.err != nil {
		return File{}, false, s.err
	}
	if !ok {
		return File{}, false, nil
	}
	return f, true, nil
}

// String returns the machine for messages: "amd64", "arm (hard float)", "Windows amd64 (PE)".
func (f File) String() string {
	machine := f.Machine
	switch {
	case f.Float != "" && f.Machine == "arm":
		machine += " (" + f.Float + " float)"
	case f.ABI == "x32" || f.ABI == "n32" || f.ABI == "ilp32":
		machine += " (" + f.ABI + ")"
	}
	switch f.Format {
	case PE:
		return "Windows " + machine + " (PE)"
	case MachO:
		return "macOS " + machine + " (Mach-O)"
	case Script:
		return "script for " + strconv.Quote(strings.Join(append([]string{f.Interpreter}, f.Args...), " "))
	default:
		return machine
	}
}

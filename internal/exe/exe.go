// Package exe tells from the beginning of a file for which CPU it is: ELF, PE and Mach-O programs, and scripts through their #! line.
//
// [Read] takes a stream, so a file within an archive need not be unpacked. It reads what it needs and goes forward only; of a
// file that is nothing executable it reads no more than it was given. [File.Fit] compares with a platform.
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

// Format is how a file is built.
type Format string

// The formats that are known.
const (
	ELF    Format = "elf"
	PE     Format = "pe"
	MachO  Format = "mach-o"
	Script Format = "script"
)

// What a file is, beside the machine it is for.
const (
	Executable = "executable"
	Shared     = "shared"   // a library, a plugin, or a program that is linked static-pie
	Object     = "object"   // is linked before it runs: an object file, a kernel module
	Core       = "core"     // what is left of a program
	Firmware   = "firmware" // is run by no operating system: EFI
)

// AnyMachine is the machine of a .NET assembly: its code is compiled, or compiled anew, where it runs.
const AnyMachine = "any"

// A File is what the beginning of a file says. The zero value is no executable.
type File struct {
	Format Format `json:"format"`
	// Machine is Go's name for the architecture, such as amd64 or ppc64le; for those that Go has no port for a similar name, such as
	// riscv32; "elf machine 0xf7" and the like if unknown; AnyMachine; those of a universal Mach-O joined by "+"; "" of scripts.
	Machine   string `json:"machine,omitempty"`
	Bits      int    `json:"bits,omitempty"` // 32, 64, or 0 if unknown
	BigEndian bool   `json:"bigEndian,omitempty"`
	// Float is how floating-point values are passed, as the flags tell it: "soft" or "hard" for arm, "soft", "single", "double"
	// or "quad" for riscv; "" if nothing is told.
	Float string `json:"float,omitempty"`
	ABI   string `json:"abi,omitempty"` // one of several for the machine: x32, o32, n32, n64, elfv1, elfv2, lp64, ilp32; "" if there is one or none is told
	// Interpreter is the dynamic loader of an ELF program (PT_INTERP), or the program of the #! line as the kernel takes it, also
	// with a carriage return at its end.
	Interpreter string   `json:"interpreter,omitempty"`
	Args        []string `json:"args,omitempty"` // of the #! line: Linux passes what follows the program as one argument
	Kind        string   `json:"kind,omitempty"` // one of the constants above; "" of scripts
	// Level is the x86-64 level that an ELF program for amd64 says it needs: 2 is x86-64-v2. 0 if it says nothing, as most do.
	Level int `json:"level,omitempty"`
}

// headSize is how much of a file [Read] looks at first: headers, program headers and the loader's name are nearly always there.
const headSize = 4096

// Read looks at a file: head is its beginning, rest what follows, nil if nothing does. 8 bytes of head are enough to tell that a file is
// nothing executable, and then nothing of rest is read. ok is false for what is no executable of any format, and for one that is
// cut off before its machine is told. Where a file is damaged further on, what was found until there is returned. An error is rest's.
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

// String names what a file is for, for a person: "amd64", "arm (hard float)", "Windows amd64 (PE)".
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

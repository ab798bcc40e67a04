//go:build e2e

package e2e

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"
)

// elfSpec is an ELF file as far as who reads its headers can tell. Numbers are those of elf(5).
type elfSpec struct {
	machine elf.Machine
	kind    elf.Type // executable if none is given
	narrow  bool     // 32 bits
	big     bool     // the most significant byte first
	flags   uint32
	loader  string // named in PT_INTERP
}

// file is the file: headers, and what they point to.
func (e elfSpec) file() string {
	var order binary.ByteOrder = binary.LittleEndian
	ident := []byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT), 15: 0}
	if e.big {
		order, ident[elf.EI_DATA] = binary.BigEndian, byte(elf.ELFDATA2MSB)
	}
	if e.kind == elf.ET_NONE {
		e.kind = elf.ET_EXEC
	}
	loader := e.loader + "\x00"
	programs := uint16(1)
	if e.loader == "" {
		programs, loader = 0, ""
	}
	var out bytes.Buffer
	write := func(v any) { _ = binary.Write(&out, order, v) } // a buffer takes everything
	if e.narrow {
		ident[elf.EI_CLASS] = byte(elf.ELFCLASS32)
		h := elf.Header32{
			Ident: [16]byte(ident), Type: uint16(e.kind), Machine: uint16(e.machine), Version: 1, Entry: 0x10000, Phoff: 52, Flags: e.flags,
			Ehsize: 52, Phentsize: 32, Phnum: programs, Shentsize: 40,
		}
		write(h)
		if programs > 0 {
			write(elf.Prog32{Type: uint32(elf.PT_INTERP), Off: 52 + 32, Filesz: uint32(len(loader)), Memsz: uint32(len(loader)), Flags: 4, Align: 1})
		}
	} else {
		h := elf.Header64{
			Ident: [16]byte(ident), Type: uint16(e.kind), Machine: uint16(e.machine), Version: 1, Entry: 0x10000, Phoff: 64, Flags: e.flags,
			Ehsize: 64, Phentsize: 56, Phnum: programs, Shentsize: 64,
		}
		write(h)
		if programs > 0 {
			write(elf.Prog64{Type: uint32(elf.PT_INTERP), Off: 64 + 56, Filesz: uint64(len(loader)), Memsz: uint64(len(loader)), Flags: 4, Align: 1})
		}
	}
	return out.String() + loader
}

// Flags of an ELF file for ARM, from the ABI's supplement: version 5, and where floating-point arguments go.
const (
	armSoft = 0x05000200
	armHard = 0x05000400
)

// The loaders that a program names, by its CPU.
const (
	loaderARMHard = "/lib/ld-linux-armhf.so.3"
	loaderARMSoft = "/lib/ld-linux.so.3"
)

// machines are the ELF machines of platforms.
var machines = map[string]elfSpec{
	"linux/amd64":   {machine: elf.EM_X86_64},
	"linux/386":     {machine: elf.EM_386, narrow: true},
	"linux/arm64":   {machine: elf.EM_AARCH64},
	"linux/arm/v7":  {machine: elf.EM_ARM, narrow: true, flags: armHard},
	"linux/ppc64le": {machine: elf.EM_PPC64, flags: 2},
	"linux/riscv64": {machine: elf.EM_RISCV, flags: 5}, // compressed instructions, double-precision floats
	"linux/s390x":   {machine: elf.EM_S390, big: true},
}

// madeFixtures are the fixtures that no toolchain here makes.
func madeFixtures() files {
	all := files{
		"float/hard":        elfSpec{machine: elf.EM_ARM, narrow: true, flags: armHard, loader: loaderARMHard}.file(),
		"float/soft":        elfSpec{machine: elf.EM_ARM, narrow: true, flags: armSoft, loader: loaderARMSoft}.file(),
		"float/mixed":       elfSpec{machine: elf.EM_ARM, narrow: true, flags: armSoft, loader: loaderARMHard}.file(),
		"float/loaderhard":  elfSpec{machine: elf.EM_ARM, narrow: true, kind: elf.ET_DYN, flags: armHard}.file(),
		"float/loadersoft":  elfSpec{machine: elf.EM_ARM, narrow: true, kind: elf.ET_DYN, flags: armSoft}.file(),
		"dynamic/linux/386": elfSpec{machine: elf.EM_386, narrow: true, loader: "/lib/ld-linux.so.2"}.file(),
		"script/windows":    "#!/bin/sh\r\necho hello\r\n",
		"other/filter.o":    elfSpec{machine: elf.EM_BPF, kind: elf.ET_REL}.file(),
		"other/board.elf":   elfSpec{machine: elf.EM_AVR, narrow: true}.file(),
		"other/App.dll":     managed(),
		"other/app.jar":     "PK\x03\x04\x14\x00\x08\x08" + strings.Repeat("\x00", 64),
		"other/Main.class":  "\xca\xfe\xba\xbe\x00\x00\x00\x34" + strings.Repeat("\x00", 64),
		"other/cut.elf":     elfSpec{machine: elf.EM_X86_64}.file()[:40],
		"other/data.bin":    "\x7fELF, and no more of it",
	}
	for platform, spec := range machines {
		spec.kind = elf.ET_DYN
		all["shared/"+platform] = spec.file()
	}
	return all
}

// managed is a library of .NET: a PE file for any CPU, written as one for the 386 with a CLI header.
func managed() string {
	const peAt, optional = 0x80, 224
	file := make([]byte, 0x200)
	copy(file, "MZ")
	le := binary.LittleEndian
	le.PutUint32(file[0x3c:], peAt)
	copy(file[peAt:], "PE\x00\x00")
	coff := file[peAt+4:]
	le.PutUint16(coff, 0x14c)         // the 386, which stands for any
	le.PutUint16(coff[16:], optional) // the size of what follows
	le.PutUint16(coff[18:], 0x2022)   // a library
	opt := coff[20:]
	le.PutUint16(opt, 0x10b)            // PE32
	le.PutUint32(opt[92:], 16)          // directories
	le.PutUint32(opt[96+14*8:], 0x2008) // the CLI header's address
	le.PutUint32(opt[96+14*8+4:], 0x48) // and size
	return string(file)
}

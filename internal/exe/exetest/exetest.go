// Package exetest makes the beginnings of executables for tests: the part that a kernel reads before it maps a program, and no
// code.
package exetest

import (
	"debug/elf"
	"encoding/binary"
	"strings"
)

// ELF describes a program. The zero value of a field is the most common one: 64 bits, little-endian, ET_EXEC.
type ELF struct {
	Machine   elf.Machine
	Narrow    bool // 32 bits
	BigEndian bool
	Type      elf.Type
	Flags     uint32
	Interp    string // PT_INTERP; "" is none
	Headers   uint32 // offset of the program headers; 0 is right behind the header
	InterpAt  uint32 // offset of the interpreter's name; 0 is right behind the program headers
	Linked    *Linked
	Level     int // the x86-64 level that it declares; 0 declares none
}

// Linked describes a dynamic section.
type Linked struct {
	Needed                 []string
	Soname, RPath, RunPath string
	// Gap is the number of bytes between the names and the section. NamesLast puts the names behind it.
	Gap       int
	NamesLast bool
}

// ForArch returns the program of an architecture by Go's name for it.
func ForArch(arch string) ELF {
	switch arch {
	case "386":
		return ELF{Machine: elf.EM_386, Narrow: true}
	case "arm":
		return ELF{Machine: elf.EM_ARM, Narrow: true, Flags: 0x05000400}
	case "arm64":
		return ELF{Machine: elf.EM_AARCH64}
	case "riscv64":
		return ELF{Machine: elf.EM_RISCV, Flags: 5}
	case "ppc64":
		return ELF{Machine: elf.EM_PPC64, BigEndian: true, Flags: 1}
	case "ppc64le":
		return ELF{Machine: elf.EM_PPC64, Flags: 2}
	case "s390x":
		return ELF{Machine: elf.EM_S390, BigEndian: true}
	case "mips64le":
		return ELF{Machine: elf.EM_MIPS}
	case "loong64":
		return ELF{Machine: elf.EM_LOONGARCH, Flags: 0x43}
	}
	return ELF{Machine: elf.EM_X86_64}
}

type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// Program returns a program of an architecture, linked to a loader. "" is static.
func Program(arch, loader string) []byte {
	e := ForArch(arch)
	e.Interp = loader
	return e.Bytes()
}

// Bytes returns the file.
func (e ELF) Bytes() []byte {
	var order byteOrder = binary.LittleEndian
	ident := []byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1}
	size, entry := uint32(64), uint32(56)
	if e.Narrow {
		ident[4], size, entry = byte(elf.ELFCLASS32), 52, 32
	}
	if e.BigEndian {
		ident[5], order = byte(elf.ELFDATA2MSB), binary.BigEndian
	}
	if e.Type == 0 {
		e.Type = elf.ET_EXEC
	}
	if e.Headers == 0 {
		e.Headers = size
	}
	count := uint16(1) // PT_LOAD, then PT_INTERP, PT_GNU_PROPERTY and PT_DYNAMIC
	for _, has := range []bool{e.Interp != "", e.Level > 0, e.Linked != nil} {
		if has {
			count++
		}
	}
	if e.InterpAt == 0 {
		e.InterpAt = e.Headers + uint32(count)*entry
	}
	name := append([]byte(e.Interp), 0)
	b := make([]byte, max(size, e.Headers+uint32(count)*entry, 128, e.InterpAt)+4096)
	copy(b, ident)
	order.PutUint16(b[16:], uint16(e.Type))
	order.PutUint16(b[18:], uint16(e.Machine))
	e.tail(b, order, count)
	e.segment(b[e.Headers:], order, elf.PT_LOAD, 0, 64)
	next := b[e.Headers+entry:]
	if e.Interp != "" {
		length := uint32(copy(b[e.InterpAt:], name)) //nolint:gosec // less than 4096
		e.segment(next, order, elf.PT_INTERP, e.InterpAt, length)
		next = next[entry:]
	}
	if e.Level > 0 {
		at := e.InterpAt + uint32(len(name)) + 64 //nolint:gosec // less than 4096
		copy(b[at:], propertyNote(order, e.Level))
		e.segment(next, order, elf.PT_GNU_PROPERTY, at, 48)
		next = next[entry:]
	}
	if e.Linked != nil {
		return e.link(b, next, order)
	}
	return b
}

// propertyNote makes the note with the used features and the needed level.
func propertyNote(order byteOrder, level int) []byte {
	var b []byte
	for _, v := range []uint32{4, 32, 5, 0x554e47, 0xc0000002, 4, 3, 0, 0xc0008002, 4, 1<<level - 1, 0} {
		b = order.AppendUint32(b, v)
	}
	return b
}

// link puts a dynamic section behind the file, and fills in its program header.
func (e ELF) link(b, header []byte, order byteOrder) []byte {
	names := []byte{0}
	add := func(s string) uint64 {
		at := len(names)
		names = append(append(names, s...), 0)
		return uint64(at)
	}
	type pair struct {
		tag   elf.DynTag
		value uint64
	}
	var pairs []pair
	for _, n := range e.Linked.Needed {
		pairs = append(pairs, pair{elf.DT_NEEDED, add(n)})
	}
	for tag, s := range map[elf.DynTag]string{elf.DT_SONAME: e.Linked.Soname, elf.DT_RPATH: e.Linked.RPath, elf.DT_RUNPATH: e.Linked.RunPath} {
		if s != "" {
			pairs = append(pairs, pair{tag, add(s)})
		}
	}
	width := 8
	if e.Narrow {
		width = 4
	}
	sectionLen := (len(pairs) + 3) * 2 * width
	namesAt, sectionAt := len(b), len(b)+len(names)+e.Linked.Gap
	if e.Linked.NamesLast {
		namesAt, sectionAt = len(b)+sectionLen+e.Linked.Gap, len(b)
	}
	pairs = append(pairs, pair{elf.DT_STRTAB, uint64(namesAt)}, pair{elf.DT_STRSZ, uint64(len(names))}, pair{elf.DT_NULL, 0})
	var section []byte
	for _, p := range pairs {
		for _, v := range []uint64{uint64(p.tag), p.value} { //nolint:gosec // small
			if e.Narrow {
				section = order.AppendUint32(section, uint32(v)) //nolint:gosec // small
			} else {
				section = order.AppendUint64(section, v)
			}
		}
	}
	e.segment(header, order, elf.PT_DYNAMIC, uint32(sectionAt), uint32(len(section))) //nolint:gosec // small
	whole := make([]byte, max(namesAt+len(names), sectionAt+len(section)))
	copy(whole, b)
	copy(whole[namesAt:], names)
	copy(whole[sectionAt:], section)
	e.segment(whole[e.Headers:], order, elf.PT_LOAD, 0, uint32(len(whole))) //nolint:gosec // small
	return whole
}

// tail writes the part of the header whose fields have the width of the class.
func (e ELF) tail(b []byte, order byteOrder, count uint16) {
	if e.Narrow {
		order.PutUint32(b[28:], e.Headers)
		order.PutUint32(b[36:], e.Flags)
		order.PutUint16(b[42:], 32)
		order.PutUint16(b[44:], count)
		return
	}
	order.PutUint64(b[32:], uint64(e.Headers))
	order.PutUint32(b[48:], e.Flags)
	order.PutUint16(b[54:], 56)
	order.PutUint16(b[56:], count)
}

// segment makes a program header. Addresses are offsets.
func (e ELF) segment(b []byte, order byteOrder, kind elf.ProgType, at, size uint32) {
	order.PutUint32(b, uint32(kind)) //nolint:gosec // it is one
	if e.Narrow {
		order.PutUint32(b[4:], at)
		order.PutUint32(b[8:], at)
		order.PutUint32(b[16:], size)
		return
	}
	order.PutUint64(b[8:], uint64(at))
	order.PutUint64(b[16:], uint64(at))
	order.PutUint64(b[32:], uint64(size))
}

// PE returns a program for Windows, 32-bit for the machine 0x14c. cli makes it a .NET assembly.
func PE(machine uint16, subsystem uint16, cli bool) []byte {
	const at = 0x80
	b := make([]byte, 1024)
	copy(b, "MZ")
	binary.LittleEndian.PutUint32(b[0x3c:], at)
	copy(b[at:], "PE\x00\x00")
	binary.LittleEndian.PutUint16(b[at+4:], machine)
	binary.LittleEndian.PutUint16(b[at+20:], 240)
	binary.LittleEndian.PutUint16(b[at+22:], 0x22)
	opt, count := b[at+24:], 108
	binary.LittleEndian.PutUint16(opt, 0x20b)
	if machine == 0x14c {
		binary.LittleEndian.PutUint16(opt, 0x10b)
		count = 92
	}
	binary.LittleEndian.PutUint16(opt[68:], subsystem)
	binary.LittleEndian.PutUint32(opt[count:], 16)
	if cli {
		binary.LittleEndian.PutUint32(opt[count+4+14*8:], 0x2008)
		binary.LittleEndian.PutUint32(opt[count+8+14*8:], 72)
	}
	return b
}

// MachO returns a program for macOS, thin for one machine and universal for several: 0x01000007 is amd64, 0x0100000c is arm64.
func MachO(cpus ...uint32) []byte {
	b := make([]byte, 256)
	if len(cpus) == 1 {
		binary.LittleEndian.PutUint32(b, 0xfeedfacf)
		binary.LittleEndian.PutUint32(b[4:], cpus[0])
		binary.LittleEndian.PutUint32(b[12:], 2)
		return b
	}
	binary.BigEndian.PutUint32(b, 0xcafebabe)
	for i, cpu := range cpus {
		b[7]++ // their number
		binary.BigEndian.PutUint32(b[8+i*20:], cpu)
	}
	return b
}

// JavaClass returns a file that begins like a universal Mach-O file.
func JavaClass() []byte {
	return []byte("\xca\xfe\xba\xbe\x00\x00\x00\x34" + strings.Repeat("\x00", 64))
}

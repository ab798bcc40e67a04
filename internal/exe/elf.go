package exe

import (
	"debug/elf"
	"encoding/binary"
)

// What the kernel takes of a program's headers (fs/binfmt_elf.c): more is no program that it would run.
const (
	maxProgramHeaders = 65536 // bytes of them all
	maxLoaderName     = 4096
)

// header is what is needed of an ELF header, of either class.
type header struct {
	order     binary.ByteOrder
	wide      bool
	phoff     int64
	phentsize int
	phnum     int
}

// readELF reads the header, then looks among the program headers for the loader's name. It does so itself since debug/elf wants a file
// that it can go back in, and reads the sections first, of which hostile files have very many.
func readELF(s *stream) (File, bool) {
	ident := s.at(0, 16)
	if ident == nil {
		return File{}, false
	}
	f, h := File{Format: ELF}, header{order: binary.LittleEndian}
	switch elf.Class(ident[elf.EI_CLASS]) {
	case elf.ELFCLASS32:
		f.Bits = 32
	case elf.ELFCLASS64:
		f.Bits, h.wide = 64, true
	default:
		return File{}, false
	}
	switch elf.Data(ident[elf.EI_DATA]) {
	case elf.ELFDATA2LSB:
	case elf.ELFDATA2MSB:
		f.BigEndian, h.order = true, binary.BigEndian
	default:
		return File{}, false
	}
	kind, ok := f.header(s, &h)
	if !ok {
		return File{}, false
	}
	switch kind {
	case elf.ET_EXEC, elf.ET_DYN:
		f.Interpreter = h.loader(s)
		f.Kind = Shared
		if kind == elf.ET_EXEC || f.Interpreter != "" {
			f.Kind = Executable
		}
	case elf.ET_CORE:
		f.Kind = Core
	default: // also what only one system or processor knows
		f.Kind = Object
	}
	return f, true
}

// header reads what follows the identification.
func (f *File) header(s *stream, h *header) (elf.Type, bool) {
	size, phoff, flags, phentsize, phnum := 52, 28, 36, 42, 44
	if h.wide {
		size, phoff, flags, phentsize, phnum = 64, 32, 48, 54, 56
	}
	b := s.at(0, size)
	if b == nil {
		return 0, false
	}
	h.phoff = h.word(b[phoff:])
	h.phentsize, h.phnum = int(h.order.Uint16(b[phentsize:])), int(h.order.Uint16(b[phnum:]))
	f.machine(elf.Machine(h.order.Uint16(b[18:])), h.order.Uint32(b[flags:]))
	return elf.Type(h.order.Uint16(b[16:])), true
}

// word reads an offset or a size, as wide as the class has them.
func (h *header) word(b []byte) int64 {
	if h.wide {
		return int64(h.order.Uint64(b)) //nolint:gosec // what is negative then is refused where it is used
	}
	return int64(h.order.Uint32(b))
}

// loader finds PT_INTERP; "" if there is none, or the headers make no sense.
func (h *header) loader(s *stream) string {
	entry, offset, filesz := 32, 4, 16
	if h.wide {
		entry, offset, filesz = 56, 8, 32
	}
	if h.phentsize != entry || h.phnum == 0 || h.phnum*entry > maxProgramHeaders {
		return ""
	}
	for i := range h.phnum {
		b := s.at(h.phoff+int64(i*entry), entry)
		if b == nil {
			return ""
		}
		if elf.ProgType(h.order.Uint32(b)) != elf.PT_INTERP {
			continue
		}
		at, size := h.word(b[offset:]), h.word(b[filesz:])
		if size <= 1 || size > maxLoaderName {
			return ""
		}
		return text(s.at(at, int(size)))
	}
	return ""
}

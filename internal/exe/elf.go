package exe

import (
	"debug/elf"
	"encoding/binary"
)

// These are the kernel's bounds on a program's headers (fs/binfmt_elf.c). It runs no program that exceeds them.
const (
	maxProgramHeaders = 65536 // bytes of them all
	maxLoaderName     = 4096
)

// header has the needed fields of an ELF header of either class.
type header struct {
	order     binary.ByteOrder
	wide      bool
	phoff     int64
	phentsize int
	phnum     int
}

// readELF reads the header, then looks among the program headers for the loader's name. It does not use debug/elf, which needs
// random access and reads the sections first. A hostile file has very many of those.
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
		h.program(s, &f)
		f.Kind = Shared
		if kind == elf.ET_EXEC || f.Interpreter != "" {
			f.Kind = Executable
		}
	case elf.ET_CORE:
		f.Kind = Core
	default: // includes types specific to a system or processor
		f.Kind = Object
	}
	return f, true
}

// program reads the data that the program headers refer to, as far as the headers are valid.
func (h *header) program(s *stream, f *File) {
	g := h.segments(s)
	deep := s.keep > 0
	if deep {
		s.extend(g.end())
	}
	if deep && g.dynamic.offset < g.interp.offset { // files are read forward
		s.dynamic = h.dynamicOf(s, g)
	}
	if f.Machine == "amd64" {
		f.Level = h.level(s, g.property)
	}
	if size := g.interp.size; size > 1 && size <= maxLoaderName {
		f.Interpreter = text(s.at(g.interp.offset, int(size)))
	}
	if deep && s.dynamic == nil {
		s.dynamic = h.dynamicOf(s, g)
	}
}

// header reads the fields after the identification.
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

// word reads an offset or a size in the width of the class.
func (h *header) word(b []byte) int64 {
	if h.wide {
		return int64(h.order.Uint64(b)) //nolint:gosec // the caller refuses a negative value
	}
	return int64(h.order.Uint32(b))
}

// segments reads the program headers.
func (h *header) segments(s *stream) (g segments) {
	entry, offset, addr, filesz := 32, 4, 8, 16
	if h.wide {
		entry, offset, addr, filesz = 56, 8, 16, 32
	}
	if h.phentsize != entry || h.phnum == 0 || h.phnum*entry > maxProgramHeaders {
		return segments{}
	}
	for i := range h.phnum {
		b := s.at(h.phoff+int64(i*entry), entry)
		if b == nil {
			return g
		}
		found := segment{h.word(b[offset:]), h.word(b[addr:]), h.word(b[filesz:])}
		if found.offset < 0 || found.addr < 0 || found.size < 0 || found.offset > 1<<48 || found.size > 1<<48 {
			continue
		}
		switch elf.ProgType(h.order.Uint32(b)) {
		case elf.PT_LOAD:
			g.loads = append(g.loads, found)
		case elf.PT_INTERP:
			if g.interp.size == 0 {
				g.interp = found
			}
		case elf.PT_DYNAMIC:
			g.dynamic = found
		case elf.PT_GNU_PROPERTY:
			g.property = found
		default: // the others do not identify the machine
		}
	}
	return g
}

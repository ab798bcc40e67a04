package exe

import (
	"debug/elf"
	"io"
	"strings"
)

// Dynamic has the entries of an ELF file's dynamic section that tell the loader which libraries to find, and where.
type Dynamic struct {
	Needed  []string // the names of the libraries, in their order
	Soname  string   // the name by which others need it; "" if it has none
	RPath   string   // folders separated by colons; also searched for the libraries of needed libraries
	RunPath string   // folders separated by colons; if there are some, RPath is ignored
}

const (
	// maxKept is how much of a file's beginning is kept until its dynamic section has been read. The names are mostly before it.
	maxKept    = 12 << 20
	maxDynamic = 64 << 10 // bytes of a dynamic section
	maxNeeded  = 512      // libraries
	maxName    = 4096     // bytes of a name, or of a list of folders
)

// A Reader reads files one after the other as [Read] does, and also the dynamic section of ELF files. It reuses its buffer for
// the next file.
type Reader struct{ buf []byte }

// Read is like [Read]. d is nil for a file that has no dynamic section, and for one whose section cannot be read.
func (r *Reader) Read(head []byte, rest io.Reader) (f File, d *Dynamic, ok bool, err error) {
	s := &stream{head: head, rest: rest, buf: r.buf, keep: maxKept}
	f, ok, err = read(s)
	if len(s.buf) > len(r.buf) {
		r.buf = s.buf
	}
	return f, s.dynamic, ok, err
}

// segments are the program's segments that are used here.
type segments struct {
	interp, dynamic, property segment
	loads                     []segment
}

type segment struct{ offset, addr, size int64 }

// offsetOf returns the offset in the file of an address, or less than 0 if there is none.
func (g segments) offsetOf(addr int64) int64 {
	for _, l := range g.loads {
		if addr >= l.addr && addr-l.addr < l.size {
			return l.offset + addr - l.addr
		}
	}
	return -1
}

// end returns the end of the last segment that is read.
func (g segments) end() int64 {
	return max(g.interp.offset+g.interp.size, g.dynamic.offset+g.dynamic.size, g.property.offset+g.property.size)
}

// dynamicOf reads the dynamic section.
func (h *header) dynamicOf(s *stream, g segments) *Dynamic {
	if g.dynamic.size <= 0 || g.dynamic.size > maxDynamic {
		return nil
	}
	section := s.at(g.dynamic.offset, int(g.dynamic.size))
	if section == nil {
		return nil
	}
	var needed []int64
	at := map[elf.DynTag]int64{}
	for width := h.width(); len(section) >= 2*width; section = section[2*width:] {
		tag, value := elf.DynTag(h.word(section)), h.word(section[width:])
		if tag == elf.DT_NULL {
			break
		}
		if tag == elf.DT_NEEDED {
			needed = append(needed, value)
			continue
		}
		at[tag] = value
	}
	names := h.names(s, g, at[elf.DT_STRTAB], at[elf.DT_STRSZ])
	if names == nil || len(needed) > maxNeeded {
		return nil
	}
	d := &Dynamic{}
	for tag, text := range map[elf.DynTag]*string{elf.DT_SONAME: &d.Soname, elf.DT_RPATH: &d.RPath, elf.DT_RUNPATH: &d.RunPath} {
		if off, ok := at[tag]; ok {
			*text, _ = nameAt(names, off)
		}
	}
	for _, off := range needed {
		name, ok := nameAt(names, off)
		if !ok || name == "" {
			return nil
		}
		d.Needed = append(d.Needed, name)
	}
	return d
}

func (h *header) width() int {
	if h.wide {
		return 8
	}
	return 4
}

// names returns the table of the dynamic section's names. Linkers put it before the section, in the part that is kept. Tools that
// edit programs put it behind.
func (h *header) names(s *stream, g segments, addr, size int64) []byte {
	off := g.offsetOf(addr)
	if off < 0 || size <= 0 {
		return nil
	}
	if there := int64(len(s.head)) - off; there > 0 && there < size { // the rest has none of the names, or cannot be read
		return s.head[off:]
	}
	if size > maxKept {
		return nil
	}
	return s.at(off, int(size))
}

func nameAt(names []byte, off int64) (string, bool) {
	if off < 0 || off >= int64(len(names)) {
		return "", false
	}
	name := text(names[off:min(off+maxName, int64(len(names)))])
	return strings.Clone(name), len(name) < maxName
}

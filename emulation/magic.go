package emulation

import (
	"debug/elf"
	"fmt"
	"strings"
)

// headerSize is how many bytes of an executable a handler matches: e_ident, e_type and e_machine, the
// part of the ELF header whose layout does not depend on the class.
const headerSize = elf.EI_NIDENT + 2 + 2

// quirk is a reason to match fewer bytes than the rule of Mask.
type quirk int

const (
	noQuirk quirk = iota
	// looseIdent stands for two bytes of e_ident: the kernel's own loader never reads EI_DATA and EI_VERSION,
	// and hand-made x86 programs leave them 0. So 0 is accepted as well as 1, as in QEMU's own registrations
	// for x86.
	looseIdent
	// anyABIVersion: MIPS numbers its ABI's extensions in EI_ABIVERSION (1 for non-PIC calls through a
	// PLT, 3 for 64-bit floats, 5 for another symbol hash), so that byte does not determine which
	// machine can run the program.
	anyABIVersion
)

// Magic returns the first 20 bytes of an executable of this architecture, where Mask has a bit set. It
// follows from the row's class, byte order and machine by the ELF specification's layout of the header:
//
//	0..3   0x7f 'E' 'L' 'F'
//	4      EI_CLASS       32 or 64 bits
//	5      EI_DATA        byte order
//	6      EI_VERSION     1
//	7      EI_OSABI       0
//	8      EI_ABIVERSION  0
//	9..15  padding        0
//	16..17 e_type         2, ET_EXEC, in the byte order of EI_DATA
//	18..19 e_machine      in the byte order of EI_DATA
func (a Arch) Magic() []byte {
	b := make([]byte, 0, headerSize)
	b = append(b, elf.ELFMAG...)
	b = append(b, byte(a.Class), byte(a.Data), byte(elf.EV_CURRENT), byte(elf.ELFOSABI_NONE))
	b = append(b, make([]byte, elf.EI_NIDENT-len(b))...)
	b = a.order().AppendUint16(b, uint16(elf.ET_EXEC))
	return a.order().AppendUint16(b, uint16(a.Machine))
}

// Mask returns which bits of Magic count: the kernel compares (file XOR magic) AND mask with zero
// (Documentation/admin-guide/binfmt-misc.rst). All bits count, except:
//
//   - EI_OSABI: Linux runs programs with any value there, and the GNU tools write 3 instead of 0 for a
//     program with indirect functions;
//   - the lowest bit of e_type: without it ET_EXEC (2) also matches ET_DYN (3), the type of a
//     position-independent program;
//   - the bits that the architecture's quirk names.
func (a Arch) Mask() []byte {
	m := []byte(strings.Repeat("\xff", headerSize))
	m[elf.EI_OSABI] = 0
	low := elf.EI_NIDENT
	if a.Data == elf.ELFDATA2MSB {
		low++
	}
	m[low] = 0xfe
	switch a.quirk {
	case looseIdent:
		m[elf.EI_DATA], m[elf.EI_VERSION] = 0xfe, 0xfe
	case anyABIVersion:
		m[elf.EI_ABIVERSION] = 0
	case noQuirk:
	}
	return m
}

// Registration is the line that, written to binfmt_misc's register file in one
// write, makes interpreter the handler of this architecture. The interpreter
// is a path of at most 127 bytes without colons; flags are letters that
// binfmt-misc.rst explains (see Flags).
func (a Arch) Registration(interpreter, flags string) string {
	return fmt.Sprintf(":%s:M::%s:%s:%s:%s", a.HandlerName(), hexEscapes(a.Magic()), hexEscapes(a.Mask()), interpreter, flags)
}

// hexEscapes writes bytes in the one form that the kernel decodes in a registration: \xHH.
func hexEscapes(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		fmt.Fprintf(&s, `\x%02x`, c)
	}
	return s.String()
}

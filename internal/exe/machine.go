package exe

import (
	"debug/elf"
	"fmt"
)

// These are ELF header flags, from the supplements of each processor. Go's debug/elf has none of them.
const (
	armEABI     = 0xff000000
	armSoft     = 0x200
	armHard     = 0x400
	riscvFloat  = 0x6
	ppc64ABI    = 0x3
	mipsABI2    = 0x20 // n32
	loongFloat  = 0x7
	machineAVR  = 0x1057
	machineM68K = 4
)

// machine fills in the fields that follow from the header's machine and flags. Bits and BigEndian are set already.
func (f *File) machine(m elf.Machine, flags uint32) {
	switch m {
	case elf.EM_386, elf.EM_486:
		f.Machine = "386"
	case elf.EM_X86_64:
		f.Machine = "amd64"
		if f.Bits == 32 {
			f.ABI = "x32"
		}
	case elf.EM_ARM:
		f.Machine = f.order("armbe", "arm")
		f.armFloat(flags)
	case elf.EM_AARCH64:
		f.Machine = f.order("arm64be", "arm64")
		if f.Bits == 32 {
			f.ABI = "ilp32"
		}
	case elf.EM_RISCV:
		f.Machine = f.width("riscv32", "riscv64")
		f.Float = [...]string{"soft", "single", "double", "quad"}[flags&riscvFloat>>1]
	case elf.EM_PPC:
		f.Machine = f.order("ppc", "ppcle")
	case elf.EM_PPC64:
		f.Machine = f.order("ppc64", "ppc64le")
		f.ABI = [...]string{"", "elfv1", "elfv2", ""}[flags&ppc64ABI]
	case elf.EM_S390:
		f.Machine = f.width("s390", "s390x")
	case elf.EM_MIPS, elf.EM_MIPS_RS3_LE:
		f.mips(flags)
	case elf.EM_LOONGARCH:
		f.Machine = f.width("loong32", "loong64")
		f.Float = [...]string{"", "soft", "single", "double", "", "", "", ""}[flags&loongFloat]
	default:
		f.Machine = rareMachine(m)
	}
}

func (f *File) mips(flags uint32) {
	switch {
	case f.Bits == 64:
		f.Machine, f.ABI = f.order("mips64", "mips64le"), "n64"
	case flags&mipsABI2 != 0:
		f.Machine, f.ABI = f.order("mips64", "mips64le"), "n32"
	default:
		f.Machine, f.ABI = f.order("mips", "mipsle"), "o32"
	}
}

// armFloat reads the flags of EABI version 5. Older versions have other flags.
func (f *File) armFloat(flags uint32) {
	if flags&armEABI != 0x05000000 {
		return
	}
	switch {
	case flags&armHard != 0:
		f.Float = "hard"
	case flags&armSoft != 0:
		f.Float = "soft"
	}
}

// order chooses by byte order.
func (f *File) order(big, little string) string {
	if f.BigEndian {
		return big
	}
	return little
}

func (f *File) width(narrow, wide string) string {
	if f.Bits == 64 {
		return wide
	}
	return narrow
}

// rareMachine names machines that no platform has.
func rareMachine(m elf.Machine) string {
	switch m {
	case elf.EM_SPARC, elf.EM_SPARC32PLUS:
		return "sparc"
	case elf.EM_SPARCV9:
		return "sparc64"
	case machineM68K:
		return "m68k"
	case elf.EM_PARISC:
		return "hppa"
	case elf.EM_IA_64:
		return "ia64"
	case elf.EM_ALPHA, elf.EM_ALPHA_STD:
		return "alpha"
	case elf.EM_SH:
		return "sh"
	case elf.EM_XTENSA:
		return "xtensa"
	case elf.EM_AVR, machineAVR:
		return "avr"
	case elf.EM_BPF:
		return "bpf"
	case elf.EM_AMDGPU:
		return "amdgpu"
	case elf.EM_CUDA:
		return "cuda"
	default:
		return fmt.Sprintf("elf machine %#x", uint16(m))
	}
}

package emulation

import (
	"debug/elf"
	"slices"
)

// Arch is one row of the table of architectures that can be recognised, emulated and probed.
type Arch struct {
	Name     string      // Go's name, as in a platform: "arm64"
	Machines []string    // the names that `uname -m` prints for it
	QEMU     string      // QEMU's name: "aarch64" as in qemu-aarch64
	Machine  elf.Machine // e_machine
	Class    elf.Class
	Data     elf.Data // byte order

	// Flags is e_flags of the probe program: the ABI that the processor's supplement to the ELF
	// specification requires there.
	Flags uint32

	builder string // <x> in buildkit-qemu-<x>
	quirk   quirk
	code    []byte // the probe's instructions, see program.go
}

// HandlerName is the name under which QEMU's handler for this architecture is
// registered, by the distributions, the binfmt image and this package alike.
func (a Arch) HandlerName() string { return "qemu-" + a.QEMU }

// BuilderEmulator is the name of the program that BuildKit looks for on its own
// PATH when the kernel cannot run this architecture (exec_binfmt.go of BuildKit
// 0.33): QEMU's name for seven architectures, Go's name for the rest.
func (a Arch) BuilderEmulator() string { return "buildkit-qemu-" + a.builder }

// Archs returns the table, in its fixed order. The rows are the caller's own.
//
// Names of machines are those of the kernel's UTS_MACHINE and compat_uts_machine;
// e_machine and e_flags those of the processor supplements to the ELF specification.
func Archs() []Arch {
	const little, big = elf.ELFDATA2LSB, elf.ELFDATA2MSB
	const class32, class64 = elf.ELFCLASS32, elf.ELFCLASS64
	return []Arch{
		{
			Name: "amd64", Machines: []string{"x86_64"}, QEMU: "x86_64", builder: "x86_64",
			Machine: elf.EM_X86_64, Class: class64, Data: little, quirk: looseIdent, code: codeAMD64(),
		},
		{
			Name: "arm64", Machines: []string{"aarch64", "arm64"}, QEMU: "aarch64", builder: "aarch64",
			Machine: elf.EM_AARCH64, Class: class64, Data: little, code: codeARM64(),
		},
		{
			Name: "arm", Machines: []string{"armv8l", "armv7l", "armv6l", "armv5tel", "arm"}, QEMU: "arm", builder: "arm",
			Machine: elf.EM_ARM, Class: class32, Data: little, Flags: 0x05000000, /* EF_ARM_EABI_VER5 */
			code: codeARM(),
		},
		{
			Name: "386", Machines: []string{"i686", "i586", "i486", "i386"}, QEMU: "i386", builder: "i386",
			Machine: elf.EM_386, Class: class32, Data: little, quirk: looseIdent, code: code386(),
		},
		{
			Name: "riscv64", Machines: []string{"riscv64"}, QEMU: "riscv64", builder: "riscv64",
			Machine: elf.EM_RISCV, Class: class64, Data: little, code: codeRISCV64(),
		},
		{
			Name: "ppc64le", Machines: []string{"ppc64le"}, QEMU: "ppc64le", builder: "ppc64le",
			Machine: elf.EM_PPC64, Class: class64, Data: little, Flags: 2, /* ELFv2 ABI */
			code: codePPC64LE(),
		},
		{
			Name: "s390x", Machines: []string{"s390x"}, QEMU: "s390x", builder: "s390x",
			Machine: elf.EM_S390, Class: class64, Data: big, code: codeS390X(),
		},
		{
			// The kernel reports "mips64" in either byte order: Lookup of that name finds the next row.
			Name: "mips64le", QEMU: "mips64el", builder: "mips64le",
			Machine: elf.EM_MIPS, Class: class64, Data: little, Flags: 0x20000000, /* EF_MIPS_ARCH_3, n64 */
			quirk: anyABIVersion, code: codeMIPS64(little),
		},
		{
			Name: "mips64", Machines: []string{"mips64"}, QEMU: "mips64", builder: "mips64",
			Machine: elf.EM_MIPS, Class: class64, Data: big, Flags: 0x20000000, /* EF_MIPS_ARCH_3, n64 */
			quirk: anyABIVersion, code: codeMIPS64(big),
		},
		{
			Name: "loong64", Machines: []string{"loongarch64"}, QEMU: "loongarch64", builder: "loong64",
			Machine: elf.EM_LOONGARCH, Class: class64, Data: little, Flags: 0x43, /* double float, object ABI v1 */
			code: codeLoong64(),
		},
	}
}

// Lookup finds an architecture by Go's name for it.
func Lookup(name string) (Arch, bool) {
	return find(func(a Arch) bool { return a.Name == name })
}

// LookupMachine finds an architecture by the output of `uname -m`. A MIPS machine prints "mips64" in
// either byte order and is taken for mips64.
func LookupMachine(machine string) (Arch, bool) {
	return find(func(a Arch) bool { return slices.Contains(a.Machines, machine) })
}

func find(is func(Arch) bool) (Arch, bool) {
	archs := Archs()
	if i := slices.IndexFunc(archs, is); i >= 0 {
		return archs[i], true
	}
	return Arch{}, false
}

package emulation

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"slices"
)

// loadAddress is where the probe program lives: above every kernel's lowest
// mappable address and aligned to 64 KiB, the largest page of these machines.
const loadAddress = 0x400000

// Program returns the probe: the smallest static executable of the architecture that proves that
// programs run. It exits with the number of its arguments, argv[0] left out, so a run without arguments
// exits with 0. An emulator that was registered with or without flag P but expects the opposite passes
// one argument too many or too few, and the exit status shows it.
//
// The file is an ELF header, one program header that maps the whole file readable and executable, and
// the instructions.
func (a Arch) Program() []byte {
	var buf bytes.Buffer
	put := func(v any) {
		// Writing fixed-size values to a bytes.Buffer cannot fail.
		_ = binary.Write(&buf, a.order(), v)
	}
	var ident [elf.EI_NIDENT]byte
	copy(ident[:], a.Magic())
	if a.Class == elf.ELFCLASS32 {
		const ehdr, phdr = 52, 32
		size := uint32(ehdr + phdr + len(a.code)) //nolint:gosec // a few hundred bytes
		put(elf.Header32{
			Ident: ident, Type: uint16(elf.ET_EXEC), Machine: uint16(a.Machine), Version: uint32(elf.EV_CURRENT),
			Entry: loadAddress + ehdr + phdr, Phoff: ehdr, Flags: a.Flags, Ehsize: ehdr, Phentsize: phdr, Phnum: 1,
		})
		put(elf.Prog32{
			Type: uint32(elf.PT_LOAD), Vaddr: loadAddress, Paddr: loadAddress, Filesz: size, Memsz: size,
			Flags: uint32(elf.PF_R | elf.PF_X), Align: 0x10000,
		})
	} else {
		const ehdr, phdr = 64, 56
		size := uint64(ehdr + phdr + len(a.code))
		put(elf.Header64{
			Ident: ident, Type: uint16(elf.ET_EXEC), Machine: uint16(a.Machine), Version: uint32(elf.EV_CURRENT),
			Entry: loadAddress + ehdr + phdr, Phoff: ehdr, Flags: a.Flags, Ehsize: ehdr, Phentsize: phdr, Phnum: 1,
		})
		put(elf.Prog64{
			Type: uint32(elf.PT_LOAD), Vaddr: loadAddress, Paddr: loadAddress, Filesz: size, Memsz: size,
			Flags: uint32(elf.PF_R | elf.PF_X), Align: 0x10000,
		})
	}
	return append(buf.Bytes(), a.code...)
}

// byteOrder has the methods of both encoding/binary orders.
type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

func (a Arch) order() byteOrder { return orderOf(a.Data) }

func orderOf(d elf.Data) byteOrder {
	if d == elf.ELFDATA2MSB {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// words lays out instructions of 32 bits each.
func words(d elf.Data, ws ...uint32) []byte {
	var b []byte
	for _, w := range ws {
		b = orderOf(d).AppendUint32(b, w)
	}
	return b
}

// The instructions of each probe: load argc, which the kernel puts where the
// stack pointer points, subtract one, exit. Numbers of system calls are the
// kernel's (asm/unistd.h of the architecture).

func codeAMD64() []byte {
	return slices.Concat(
		[]byte{0x8b, 0x3c, 0x24},  // mov edi, [rsp]
		[]byte{0xff, 0xcf},        // dec edi
		[]byte{0xb8, 60, 0, 0, 0}, // mov eax, 60 (exit)
		[]byte{0x0f, 0x05},        // syscall
	)
}

func code386() []byte {
	return slices.Concat(
		[]byte{0x8b, 0x1c, 0x24}, // mov ebx, [esp]
		[]byte{0x4b},             // dec ebx
		[]byte{0xb8, 1, 0, 0, 0}, // mov eax, 1 (exit)
		[]byte{0xcd, 0x80},       // int 0x80
	)
}

func codeARM64() []byte {
	return words(elf.ELFDATA2LSB,
		0xb94003e0, // ldr w0, [sp]
		0x51000400, // sub w0, w0, #1
		0xd2800ba8, // mov x8, #93 (exit)
		0xd4000001, // svc #0
	)
}

func codeARM() []byte {
	return words(elf.ELFDATA2LSB,
		0xe59d0000, // ldr r0, [sp]
		0xe2400001, // sub r0, r0, #1
		0xe3a07001, // mov r7, #1 (exit, EABI)
		0xef000000, // svc #0
	)
}

func codeRISCV64() []byte {
	return words(elf.ELFDATA2LSB,
		0x00012503, // lw a0, 0(sp)
		0xfff50513, // addi a0, a0, -1
		0x05d00893, // li a7, 93 (exit)
		0x00000073, // ecall
	)
}

func codePPC64LE() []byte {
	return words(elf.ELFDATA2LSB,
		0xe8610000, // ld r3, 0(r1)
		0x3863ffff, // addi r3, r3, -1
		0x38000001, // li r0, 1 (exit)
		0x44000002, // sc
	)
}

func codeS390X() []byte {
	return slices.Concat(
		[]byte{0xe3, 0x20, 0xf0, 0x00, 0x00, 0x04}, // lg %r2, 0(%r15)
		[]byte{0xa7, 0x2b, 0xff, 0xff},             // aghi %r2, -1
		[]byte{0x0a, 0x01},                         // svc 1 (exit)
	)
}

func codeMIPS64(d elf.Data) []byte {
	return words(d,
		0xdfa40000, // ld $a0, 0($sp)
		0x6484ffff, // daddiu $a0, $a0, -1
		0x240213c2, // li $v0, 5058 (exit, n64)
		0x0000000c, // syscall
	)
}

func codeLoong64() []byte {
	return words(elf.ELFDATA2LSB,
		0x28c00064, // ld.d $a0, $sp, 0
		0x02fffc84, // addi.d $a0, $a0, -1
		0x0381740b, // ori $a7, $zero, 93 (exit)
		0x002b0000, // syscall 0
	)
}

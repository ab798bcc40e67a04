package exe

import (
	"debug/pe"
	"encoding/binary"
	"fmt"
)

// maxDOSStub bounds the offset of the PE header. A program for DOS precedes it.
const maxDOSStub = 1 << 20

// These are machines that Go's debug/pe has no name for.
const (
	peARM64EC = 0xa641
	peARM64X  = 0xa64e
)

// readPE reads the COFF header and the few fields of the optional header that identify EFI and .NET. Programs for DOS alone are
// not executables here.
func readPE(s *stream) (File, bool) {
	b := s.at(0x3c, 4)
	if b == nil {
		return File{}, false
	}
	at := int64(binary.LittleEndian.Uint32(b))
	if at < 4 || at > maxDOSStub {
		return File{}, false
	}
	b = s.at(at, 24)
	if b == nil || string(b[:4]) != "PE\x00\x00" {
		return File{}, false
	}
	f := File{Format: PE, Kind: Executable}
	f.Machine, f.Bits = peMachine(binary.LittleEndian.Uint16(b[4:]))
	size, characteristics := binary.LittleEndian.Uint16(b[20:]), binary.LittleEndian.Uint16(b[22:])
	switch {
	case characteristics&pe.IMAGE_FILE_DLL != 0:
		f.Kind = Shared
	case characteristics&pe.IMAGE_FILE_EXECUTABLE_IMAGE == 0:
		f.Kind = Object
	}
	if opt := s.at(at+24, int(size)); opt != nil {
		f.optional(opt)
	}
	return f, true
}

// optional reads the optional header, as far as the file has it.
func (f *File) optional(b []byte) {
	const subsystem, entry, cli = 68, 8, pe.IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR
	if len(b) < subsystem+2 {
		return
	}
	switch binary.LittleEndian.Uint16(b[subsystem:]) {
	case pe.IMAGE_SUBSYSTEM_EFI_APPLICATION, pe.IMAGE_SUBSYSTEM_EFI_BOOT_SERVICE_DRIVER,
		pe.IMAGE_SUBSYSTEM_EFI_RUNTIME_DRIVER, pe.IMAGE_SUBSYSTEM_EFI_ROM:
		f.Kind = Firmware
	}
	count := 92 // of the data directories, which follow
	if binary.LittleEndian.Uint16(b) == 0x20b {
		count = 108
	}
	at := count + 4 + cli*entry
	if len(b) < at+entry || binary.LittleEndian.Uint32(b[count:]) <= cli {
		return
	}
	if binary.LittleEndian.Uint32(b[at:]) != 0 && binary.LittleEndian.Uint32(b[at+4:]) != 0 {
		// An assembly that was compiled ahead of time for one machine is recompiled on another.
		f.Machine, f.Bits = AnyMachine, 0
	}
}

func peMachine(m uint16) (string, int) {
	switch m {
	case pe.IMAGE_FILE_MACHINE_I386:
		return "386", 32
	case pe.IMAGE_FILE_MACHINE_AMD64:
		return "amd64", 64
	case pe.IMAGE_FILE_MACHINE_ARM, pe.IMAGE_FILE_MACHINE_THUMB, pe.IMAGE_FILE_MACHINE_ARMNT:
		return "arm", 32
	case pe.IMAGE_FILE_MACHINE_ARM64, peARM64EC, peARM64X:
		return "arm64", 64
	case pe.IMAGE_FILE_MACHINE_RISCV32:
		return "riscv32", 32
	case pe.IMAGE_FILE_MACHINE_RISCV64:
		return "riscv64", 64
	case pe.IMAGE_FILE_MACHINE_LOONGARCH32:
		return "loong32", 32
	case pe.IMAGE_FILE_MACHINE_LOONGARCH64:
		return "loong64", 64
	}
	return fmt.Sprintf("pe machine %#x", m), 0
}

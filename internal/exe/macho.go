package exe

import (
	"bytes"
	"debug/macho"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// These are magic numbers in the byte order of the file.
var (
	machoFat    = []byte{0xca, 0xfe, 0xba, 0xbe} // also Java's class files
	machoFat64  = []byte{0xca, 0xfe, 0xba, 0xbf}
	machoLittle = [][]byte{{0xce, 0xfa, 0xed, 0xfe}, {0xcf, 0xfa, 0xed, 0xfe}}
	machoBig    = [][]byte{{0xfe, 0xed, 0xfa, 0xce}, {0xfe, 0xed, 0xfa, 0xcf}}
)

// maxSlices bounds the machines of a universal file. Java's class files have their version at this offset, 45 or more.
const maxSlices = 18

func isMachO(head []byte) bool {
	if len(head) < 8 {
		return false
	}
	if bytes.HasPrefix(head, machoFat) || bytes.HasPrefix(head, machoFat64) {
		n := binary.BigEndian.Uint32(head[4:])
		return n > 0 && n <= maxSlices
	}
	has := func(magic []byte) bool { return bytes.HasPrefix(head, magic) }
	return slices.ContainsFunc(machoLittle, has) || slices.ContainsFunc(machoBig, has)
}

func readMachO(s *stream) (File, bool) {
	b := s.at(0, 16)
	if b == nil {
		return File{}, false
	}
	if b[0] == machoFat[0] && b[1] == machoFat[1] {
		return readUniversal(s, int(binary.BigEndian.Uint32(b[4:])), bytes.HasPrefix(b, machoFat64))
	}
	var order binary.ByteOrder = binary.LittleEndian
	if b[0] == machoBig[0][0] {
		order = binary.BigEndian
	}
	f := File{Format: MachO, Bits: 32, BigEndian: order == binary.BigEndian}
	if b[0] == 0xcf || b[3] == 0xcf {
		f.Bits = 64
	}
	f.Machine = machoMachine(macho.Cpu(order.Uint32(b[4:])))
	f.Kind = machoKind(macho.Type(order.Uint32(b[12:])))
	return f, true
}

// readUniversal reads the table of slices. It refuses a file whose first machine is unknown, since the magic number alone is weak
// evidence.
func readUniversal(s *stream, n int, wide bool) (File, bool) {
	size := 20
	if wide {
		size = 32
	}
	var names []string
	for i := range n {
		b := s.at(int64(8+i*size), size)
		if b == nil {
			return File{}, false
		}
		name := machoMachine(macho.Cpu(binary.BigEndian.Uint32(b)))
		if i == 0 && strings.HasPrefix(name, "mach-o") {
			return File{}, false
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return File{Format: MachO, Machine: strings.Join(names, "+"), Kind: Executable}, true
}

func machoMachine(c macho.Cpu) string {
	switch c {
	case macho.Cpu386:
		return "386"
	case macho.CpuAmd64:
		return "amd64"
	case macho.CpuArm:
		return "arm"
	case macho.CpuArm64:
		return "arm64"
	case macho.CpuPpc:
		return "ppc"
	case macho.CpuPpc64:
		return "ppc64"
	}
	return fmt.Sprintf("mach-o machine %#x", uint32(c))
}

func machoKind(t macho.Type) string {
	switch t {
	case macho.TypeExec:
		return Executable
	case macho.TypeObj:
		return Object
	case 4: // MH_CORE
		return Core
	default:
		return Shared
	}
}

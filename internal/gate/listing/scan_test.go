package listing

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"
)

// elf64 returns the beginning of a program for riscv64.
func elf64(kind elf.Type) []byte {
	var out bytes.Buffer
	h := elf.Header64{Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1}, Type: uint16(kind), Machine: uint16(elf.EM_RISCV), Version: 1, Ehsize: 64}
	_ = binary.Write(&out, binary.LittleEndian, h) // a buffer's Write cannot fail
	return out.Bytes()
}

func TestFilesOfOneMachineAreToldApart(t *testing.T) {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for name, data := range map[string][]byte{"program": elf64(elf.ET_EXEC), "object": elf64(elf.ET_REL)} {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := Scan(t.Context(), &layer, MaxCost)
	if err != nil {
		t.Fatal(err)
	}
	for name, kind := range map[string]string{"program": "executable", "object": "object"} {
		if e, ok := l.Find(name); !ok || e.Exe == nil || e.Exe.Kind != kind {
			t.Errorf("%s is %+v", name, e.Exe)
		}
	}
}

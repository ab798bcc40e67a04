package emulation

import (
	"bytes"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

func TestProgramIsAStaticExecutableOfItsArchitecture(t *testing.T) {
	for _, a := range Archs() {
		t.Run(a.Name, func(t *testing.T) {
			checkProgram(t, a, a.Program())
		})
	}
}

func checkProgram(t *testing.T, a Arch, image []byte) {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	if f.Machine != a.Machine || f.Class != a.Class || f.Data != a.Data || f.Type != elf.ET_EXEC {
		t.Errorf("header says %v %v %v %v", f.Machine, f.Class, f.Data, f.Type)
	}
	if len(f.Progs) != 1 || f.Progs[0].Type != elf.PT_LOAD {
		t.Fatalf("want one segment to load and no interpreter, got %v", f.Progs)
	}
	p := f.Progs[0]
	if p.Filesz != uint64(len(image)) || p.Memsz != p.Filesz || p.Off != 0 || p.Flags != elf.PF_R|elf.PF_X {
		t.Errorf("segment %+v does not map the whole file of %d bytes", p.ProgHeader, len(image))
	}
	code := image[f.Entry-p.Vaddr:]
	if !bytes.Equal(code, a.code) {
		t.Errorf("entry point leads to % x, not to the code", code)
	}
	if f.Entry%2 != 0 || p.Vaddr%p.Align != 0 {
		t.Errorf("entry %#x or segment %#x is not aligned", f.Entry, p.Vaddr)
	}
	if !bytes.HasPrefix(image, a.Magic()) {
		t.Errorf("file begins with % x, its own magic is % x", image[:headerSize], a.Magic())
	}
}

// The test runs the emulators directly on the files: no handler is needed.
func TestProgramCountsItsArguments(t *testing.T) {
	dir := t.TempDir()
	for _, a := range Archs() {
		t.Run(a.Name, func(t *testing.T) {
			file := filepath.Join(dir, a.Name)
			if err := os.WriteFile(file, a.Program(), 0o700); err != nil {
				t.Fatal(err)
			}
			cmd := []string{file}
			if a.Name != runtime.GOARCH {
				qemu, err := exec.LookPath("qemu-" + a.QEMU + "-static")
				if err != nil {
					t.Skip("no static emulator on this machine: ", err)
				}
				cmd = []string{qemu, file}
			}
			for n, args := range [][]string{nil, {"a"}, {"a", "b c"}} {
				if got := exitStatus(t, append(cmd, args...)); got != n {
					t.Errorf("%d arguments: exit status %d", n, got)
				}
			}
		})
	}
}

func exitStatus(t *testing.T, cmd []string) int {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), cmd[0], cmd[1:]...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if len(out) > 0 {
		t.Errorf("%v wrote %q", cmd, out)
	}
	if exit == nil {
		return 0
	}
	return exit.ExitCode()
}

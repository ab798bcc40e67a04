package exe_test

import (
	"os"
	"runtime"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/exe"
)

func TestTheTestItselfIsForThisMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads its own ELF file")
	}
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, ok, err := exe.Read(nil, f)
	if ok || err != nil {
		t.Errorf("without a head: %v, %v", ok, err)
	}
	head := make([]byte, 64)
	if _, err := f.ReadAt(head, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(64, 0); err != nil {
		t.Fatal(err)
	}
	got, ok, err = exe.Read(head, f)
	if err != nil || !ok || got.Machine != runtime.GOARCH || got.Kind != exe.Executable {
		t.Errorf("%+v, %v, %v", got, ok, err)
	}
}

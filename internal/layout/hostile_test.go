//go:build unix

package layout_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/layout"
)

func TestOnlyRegularFilesAreRead(t *testing.T) {
	s, dir := newShelf(t), t.TempDir()
	for _, name := range []string{"folder", "large"} {
		if err := writeOCIDir(t.Context(), filepath.Join(dir, name), layout.Image{Root: s.app()}, s); err != nil {
			t.Fatal(err)
		}
	}
	index := filepath.Join(dir, "folder", "index.json")
	if err := os.Remove(index); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "large", "index.json"), 4<<20+1); err != nil {
		t.Fatal(err)
	}
	for _, pipe := range []string{filepath.Join(dir, "pipe"), index} {
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"pipe": "neither a file nor a folder", "folder": "index.json is not a file", "large": "larger than 4194304 bytes",
	} {
		if _, err := layout.Open(t.Context(), filepath.Join(dir, name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

//go:build linux || darwin

package inuse_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/inuse"
)

func TestOnlyWhatNoProcessUsesIsRemoved(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	used, remove, err := inuse.TempDir()
	if err != nil {
		t.Fatal(err)
	}
	left, foreign := used+"-of-a-killed-process", filepath.Join(os.TempDir(), "foreign")
	for _, dir := range []string{left, foreign} {
		if err := os.MkdirAll(filepath.Join(dir, "inside"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	inuse.RemoveTemp()
	for dir, stays := range map[string]bool{used: true, left: false, foreign: true} {
		if _, err := os.Stat(dir); (err == nil) != stays {
			t.Errorf("%s: %v", dir, err)
		}
	}
	remove()
	if _, err := os.Stat(used); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left: %v", used, err)
	}
}

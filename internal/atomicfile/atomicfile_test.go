package atomicfile_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/atomicfile"
)

func TestAFileIsReplacedAsAWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	if err := atomicfile.WriteFile(name, []byte("first"), 0o644); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := atomicfile.Write(name, 0o644, func(w io.Writer) error {
		if now, err := os.ReadFile(name); err != nil || string(now) != "first" {
			t.Errorf("while it is written there is %q, %v", now, err)
		}
		_, _ = io.WriteString(w, "sec")
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if now, err := os.ReadFile(name); err != nil || string(now) != "first" {
		t.Errorf("there is %q, %v", now, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("there are %v, %v", entries, err)
	}
}

func TestALinkIsReplacedAndTheModeIsAsAsked(t *testing.T) {
	dir := t.TempDir()
	to, name := filepath.Join(dir, "to"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(to, []byte("kept"), 0o600), os.Symlink(to, name)); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.WriteFile(name, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(name); err != nil || info.Mode() != 0o444 || info.Size() != 0 {
		t.Errorf("%v, %v", info, err)
	}
	if now, err := os.ReadFile(to); err != nil || string(now) != "kept" {
		t.Errorf("the link's file has %q, %v", now, err)
	}
}

func TestAFolderThatTakesNothingIsSaidByTheNameOfTheFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "none", "file")
	for _, err := range []error{atomicfile.WriteFile(name, nil, 0o600), atomicfile.Check(name)} {
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), name+":") {
			t.Errorf("%v", err)
		}
	}
	dir := filepath.Dir(filepath.Dir(name))
	if err := atomicfile.Check(filepath.Join(dir, "file")); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

//go:build linux || darwin

package sink

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// hold marks a staged file or folder as in use until the result is closed or the process ends, however it ends. It returns
// [fs.ErrNotExist] if sweep was faster.
func hold(name string) (*os.File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return f, nil //nolint:nilerr // a file system without locks: what a killed build leaves there stays
	}
	held, err := f.Stat()
	if named, missing := os.Lstat(name); err == nil && (missing != nil || !os.SameFile(held, named)) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweep removes what builds that were killed have staged in a folder.
func sweep(dir string) {
	entries, _ := os.ReadDir(dir) // the build itself finds out that it cannot be read
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), StagePrefix) {
			continue
		}
		name := filepath.Join(dir, entry.Name())
		f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
		if err != nil {
			continue // it is not ours, or is gone
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(name) // the name of a left-over folder shows its origin
		}
		_ = f.Close()
	}
}

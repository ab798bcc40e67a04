//go:build linux || darwin

package inuse

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Mark marks a file or folder until the result is closed or the process ends. It returns [fs.ErrNotExist] if EachLeft was faster.
func Mark(name string) (*os.File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return f, nil //nolint:nilerr // a file system without locks: what a killed process leaves there stays
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

// EachLeft calls found for each file or folder that begins with prefix in dir and that no process has marked. Meanwhile it is marked.
func EachLeft(dir, prefix string, found func(name string)) {
	entries, _ := os.ReadDir(dir) // who writes there finds out that it cannot be read
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), prefix) {
			continue
		}
		name := filepath.Join(dir, entry.Name())
		f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
		if err != nil {
			continue // it is not ours, or is gone
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			found(name)
		}
		_ = f.Close()
	}
}

// Package inuse marks files and folders as in use by a running process. The kernel ends the mark with the process, however that ends, so
// others can tell what a killed process has left.
package inuse

import (
	"errors"
	"io/fs"
	"os"
)

// MkdirTemp makes a marked folder in dir, whose name begins with prefix.
func MkdirTemp(dir, prefix string) (name string, mark *os.File, err error) {
	for {
		name, err := os.MkdirTemp(dir, prefix)
		if err != nil {
			return "", nil, err
		}
		if mark, err = Mark(name); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return name, mark, err
		}
	}
}

// RemoveLeft removes the files and folders in dir that begin with prefix and that no process has marked.
func RemoveLeft(dir, prefix string) {
	EachLeft(dir, prefix, func(name string) { _ = os.RemoveAll(name) }) // the name shows where it is from
}

// tempPrefix begins the names of the folders of TempDir.
const tempPrefix = "docker-multiarch-files-"

// TempDir makes a folder for temporary files. Without remove, RemoveTemp of a later process removes it.
func TempDir() (name string, remove func(), err error) {
	name, mark, err := MkdirTemp("", tempPrefix)
	return name, func() {
		_ = os.RemoveAll(name) // a left-over temporary file is not a reason to fail
		_ = mark.Close()
	}, err
}

// RemoveTemp removes the folders of TempDir whose process was killed.
func RemoveTemp() { RemoveLeft(os.TempDir(), tempPrefix) }

// Package atomicfile replaces files in one step: a reader sees either the old content or all of the new.
package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Prefix begins the names of unfinished files, beside the files they are to replace. A killed program leaves them behind.
const Prefix = ".new-"

// WriteFile replaces a file, or makes it. A link is replaced, not followed.
func WriteFile(name string, data []byte, mode fs.FileMode) error {
	return Write(name, mode, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Write is WriteFile for content that write writes. After an error the file is unchanged.
func Write(name string, mode fs.FileMode, write func(io.Writer) error) error {
	f, err := beside(name)
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Chmod(mode), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error is the one to return
	}
	return err
}

// Check returns why a file could not be written: its folder does not allow it. It leaves nothing behind.
func Check(name string) error {
	f, err := beside(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// beside creates a file that is to get the name later.
func beside(name string) (*os.File, error) {
	f, err := os.CreateTemp(filepath.Dir(name), Prefix+"*")
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		path.Path = name
	}
	return f, err
}

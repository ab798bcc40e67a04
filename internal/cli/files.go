package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/docker-multiarch/docker-multiarch/internal/atomicfile"
)

// FlagFile is an output file of a flag.
type FlagFile struct{ Flag, Name string }

// CheckOutputs returns an error if one of the files cannot be written. It changes nothing: until this run begins, existing files
// belong to the user and to an earlier run.
func CheckOutputs(files []FlagFile) error {
	for _, f := range files {
		if err := checkOutput(f.Name); err != nil {
			return &Usage{Err: fmt.Errorf("%s: %w", f.Flag, err)}
		}
	}
	return nil
}

func checkOutput(name string) error {
	info, err := os.Stat(name)
	if err == nil && info.IsDir() {
		return &fs.PathError{Op: "open", Path: name, Err: syscall.EISDIR}
	}
	if writtenInPlace(name) {
		return nil
	}
	if isRegular(name) {
		f, err := os.OpenFile(name, os.O_WRONLY, 0) // a rename would replace it in spite of its protection
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return atomicfile.Check(name)
}

// RemoveOutputs removes the files of an earlier run, so that they are not mistaken for results of a failed build.
func RemoveOutputs(files []FlagFile) error {
	for _, f := range files {
		if !isRegular(f.Name) || writtenInPlace(f.Name) {
			continue
		}
		if err := os.Remove(f.Name); err != nil {
			return fmt.Errorf("%s: %w", f.Flag, err)
		}
	}
	return nil
}

func isRegular(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && info.Mode().IsRegular()
}

// writtenInPlace reports whether a file is written to instead of replaced: a device, a pipe, or one of the streams that this program
// was started with, by its name ("/dev/stdout", "/dev/fd/3"). A link is replaced, since the user named the link and not its target.
func writtenInPlace(name string) bool {
	info, err := os.Lstat(name)
	switch {
	case err != nil:
		return false
	case isStream(name):
		return true
	}
	return !info.Mode().IsRegular() && info.Mode()&fs.ModeSymlink == 0
}

// isStream reports whether a name is that of an open file, which is a link on Linux. Other folders of /dev do not count, since every
// user may make links in some of them (/dev/shm).
func isStream(name string) bool {
	abs, err := filepath.Abs(name)
	if err != nil {
		return false
	}
	switch dir := filepath.Dir(abs); dir {
	case "/dev":
		return abs == "/dev/stdout" || abs == "/dev/stderr"
	case "/dev/fd":
		return true
	default:
		return strings.HasPrefix(dir, "/proc/") && filepath.Base(dir) == "fd"
	}
}

// WriteMetadata replaces a file by a value as an indented JSON document.
func WriteMetadata(name string, m any) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return ReplaceFile(name, append(data, '\n'))
}

// ReplaceFile replaces the file in one step: a reader sees all of it or none. A link is replaced, too. If the file is
// [writtenInPlace], the data are appended instead, provided that a pipe has a reader.
func ReplaceFile(name string, data []byte) error {
	if writtenInPlace(name) {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|syscall.O_NONBLOCK, 0) // a pipe without a reader is an error, not a wait
		if err != nil {
			return err
		}
		_, err = f.Write(data)
		return errors.Join(err, f.Close())
	}
	return atomicfile.WriteFile(name, data, 0o644)
}

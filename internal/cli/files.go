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

// FlagFile is a file that a flag asks for.
type FlagFile struct{ Flag, Name string }

// CheckOutputs finds out whether the files can be written, and changes nothing: what is there is of an earlier run, and the user's for
// as long as this one has not begun.
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
		f, err := os.OpenFile(name, os.O_WRONLY, 0) // a rename would replace it, but it is protected
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return atomicfile.Check(name)
}

// RemoveOutputs removes the files of an earlier run, so that a build that fails leaves no result that looks like its own.
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

// writtenInPlace tells whether a file is written to, and not replaced: a device, a pipe, or one of the streams that this program was
// started with, by its name ("/dev/stdout", "/dev/fd/3"). A link is replaced: what it leads to is not what the user named.
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

// isStream tells the names of open files, which are links on Linux. In other folders of /dev everybody may make links (/dev/shm).
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

// WriteMetadata replaces a file by a value as an indented document.
func WriteMetadata(name string, m any) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return ReplaceFile(name, append(data, '\n'))
}

// ReplaceFile replaces the file in one step: a reader sees all of it or none. A link is replaced, too. What is [writtenInPlace] is added
// to instead, if somebody reads from it.
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

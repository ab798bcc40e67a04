package sink

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// placeDir moves the content of a staged folder into dest, which keeps its other files. Each file is replaced in one step.
func placeDir(staged, dest string) error {
	if err := os.MkdirAll(dest, folderMode); err != nil {
		return err
	}
	entries, err := os.ReadDir(staged)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := placeEntry(e, filepath.Join(staged, e.Name()), filepath.Join(dest, e.Name())); err != nil {
			return err
		}
	}
	return os.Remove(staged)
}

func placeEntry(e fs.DirEntry, from, to string) error {
	old, err := os.Lstat(to)
	switch {
	case err != nil: // dest does not exist
	case e.IsDir() && old.IsDir():
		return mergeDir(e, from, to)
	case e.IsDir() || old.IsDir():
		if err := os.RemoveAll(to); err != nil {
			return err
		}
	}
	if e.IsDir() {
		return moveDir(e, from, to)
	}
	return move(from, to)
}

// ownerAll lets the owner of a folder change its content.
const ownerAll = 0o700

// mergeDir moves the content of a folder into an existing one, which then gets its mode and its time.
func mergeDir(e fs.DirEntry, from, to string) error {
	info, err := e.Info()
	if err != nil {
		return err
	}
	for _, dir := range []string{from, to} { // read-only folders are common in images
		if err := addRights(dir); err != nil {
			return err
		}
	}
	if err := placeDir(from, to); err != nil {
		return err
	}
	return errors.Join(os.Chmod(to, info.Mode()), os.Chtimes(to, info.ModTime(), info.ModTime()))
}

// moveDir moves a folder to a path that does not exist. Giving a folder another parent requires the right to write to it.
func moveDir(e fs.DirEntry, from, to string) error {
	info, err := e.Info()
	if err != nil {
		return err
	}
	if err := addRights(from); err != nil {
		return err
	}
	switch err := os.Rename(from, to); {
	case errors.Is(err, syscall.EXDEV): // to is below a mount
		return errors.Join(os.Mkdir(to, folderMode), mergeDir(e, from, to))
	case err != nil:
		return err
	}
	if info.Mode().Perm()&ownerAll == ownerAll {
		return nil
	}
	return os.Chmod(to, info.Mode())
}

// addRights gives the owner the rights that are missing. A folder of another owner is left as it is: a user who may write to it succeeds
// anyway.
func addRights(dir string) error {
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm()&ownerAll == ownerAll {
		return err
	}
	if err := os.Chmod(dir, info.Mode()|ownerAll); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// move renames a file. A file on another file system, or one that is itself a mount, is copied.
func move(from, to string) error {
	failed := os.Rename(from, to)
	if !errors.Is(failed, syscall.EXDEV) && !errors.Is(failed, syscall.EBUSY) {
		return failed
	}
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		link, err := os.Readlink(from)
		if err != nil {
			return err
		}
		if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return errors.Join(os.Symlink(link, to), os.Remove(from))
	}
	if !info.Mode().IsRegular() {
		return failed
	}
	if err := copyFile(from, to); err != nil {
		return err
	}
	return errors.Join(os.Chmod(to, info.Mode()), os.Chtimes(to, info.ModTime(), info.ModTime()), os.Remove(from))
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// emptyDir removes the content of a folder except the staged files.
func emptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), StagePrefix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

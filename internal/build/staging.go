package build

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// stagePrefix begins the names of everything that a build writes before it has succeeded. A build context leaves such names out, since
// a destination may lie in it.
const stagePrefix = ".docker-multiarch-stage-"

// folderMode are the rights of folders that are made for a result, as the peer and other programs give them.
const folderMode = 0o755

// pending is a file that has its contents before its name. What is no regular file, such as /dev/null or a pipe, is written to in its
// place.
type pending struct {
	*os.File
	dest    string
	inPlace bool
}

// newPending makes a temporary file on the file system of dest, which need not exist, nor its folder.
func newPending(dest string) (*pending, error) {
	if real, err := filepath.EvalSymlinks(dest); err == nil {
		dest = real // the link stays
	}
	if info, err := os.Stat(dest); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(dest, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		return &pending{File: f, dest: dest, inPlace: true}, nil
	}
	f, err := os.CreateTemp(nearest(filepath.Dir(dest)), stagePrefix)
	if err != nil {
		return nil, err
	}
	return &pending{File: f, dest: dest}, nil
}

// place gives a file that was closed its name, in one step.
func (p *pending) place() error {
	if p.inPlace {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(p.dest), folderMode); err != nil {
		return err
	}
	// The temporary file was made for its owner only; a result has the rights that a program's files have.
	if err := os.Chmod(p.Name(), 0o644); err != nil {
		return err
	}
	return os.Rename(p.Name(), p.dest)
}

// discard removes a file that was not placed; one that was is gone from there.
func (p *pending) discard() {
	_ = p.Close()
	if !p.inPlace {
		_ = os.Remove(p.Name())
	}
}

// stagedDir makes a temporary folder on the file system of dest: inside of it if it exists, since what is above may belong to others.
func stagedDir(dest string) (string, error) {
	return os.MkdirTemp(nearest(dest), stagePrefix)
}

// nearest is the first folder on the way up that exists.
func nearest(dir string) string {
	for {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return dir
		}
		dir = up
	}
}

// placeDir moves what is in a staged folder into dest, which keeps what it has besides. Each file is replaced in one step.
func placeDir(staged, dest string) error {
	if err := os.MkdirAll(dest, folderMode); err != nil {
		return err
	}
	entries, err := os.ReadDir(staged)
	if err != nil {
		return err
	}
	for _, e := range entries {
		from, to := filepath.Join(staged, e.Name()), filepath.Join(dest, e.Name())
		if err := placeEntry(e, from, to); err != nil {
			return err
		}
	}
	return os.Remove(staged)
}

func placeEntry(e fs.DirEntry, from, to string) error {
	old, err := os.Lstat(to)
	switch {
	case err != nil: // nothing is there
	case e.IsDir() && old.IsDir():
		info, err := e.Info()
		if err != nil {
			return err
		}
		if err := placeDir(from, to); err != nil {
			return err
		}
		return errors.Join(os.Chmod(to, info.Mode().Perm()), os.Chtimes(to, info.ModTime(), info.ModTime()))
	case e.IsDir() || old.IsDir():
		if err := os.RemoveAll(to); err != nil {
			return err
		}
	}
	return os.Rename(from, to)
}

// emptyDir removes what is in a folder but not what is staged there.
func emptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), stagePrefix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// folderOf is the folder of a platform's files, as BuildKit's exporters name it: "linux_arm_v7".
func folderOf(p platform.Platform) string { return strings.ReplaceAll(platform.Format(p), "/", "_") }

// CheckFile tells why a file cannot be written, before any work: what is in its place, or a folder that does not allow it. A file that
// is there is not touched.
func CheckFile(dest string) error {
	info, err := os.Stat(dest)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("the destination file %q is a folder", dest)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the destination file %q: %w", dest, err)
	}
	if err == nil && !info.Mode().IsRegular() {
		return nil // a device or a pipe
	}
	return tryOut(dest, filepath.Dir(dest))
}

// CheckFolder is CheckFile for a folder that files are put into.
func CheckFolder(dest string) error {
	info, err := os.Stat(dest)
	switch {
	case err == nil && !info.IsDir():
		return fmt.Errorf("the destination folder %q is a file", dest)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the destination folder %q: %w", dest, err)
	}
	return tryOut(dest, dest)
}

// tryOut makes a file where the staging will be, and removes it.
func tryOut(dest, dir string) error {
	f, err := os.CreateTemp(nearest(dir), stagePrefix)
	if err != nil {
		return fmt.Errorf("%q cannot be written: %w", dest, err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

package layout

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// files are the files of a layout, by their names with slashes. Anything but a regular file is refused, and
// nothing outside the layout is read: the layout is not trusted. The error for a missing file wraps
// fs.ErrNotExist.
type files interface {
	// open opens a file, and returns its size in bytes.
	open(name string) (io.ReadCloser, int64, error)
	// size returns the size in bytes.
	size(name string) (int64, error)
}

// notRegular is the error for a name of something else than a file.
func notRegular(name string) error { return fmt.Errorf("%s is not a file", name) }

// folderFiles are the files of a layout in a folder. Links are followed within it.
type folderFiles string

func (dir folderFiles) open(name string) (rc io.ReadCloser, size int64, err error) {
	err = dir.within(name, func(root *os.Root) error {
		if _, err := regular(root.Stat(name)); err != nil { // opening a pipe would block
			return err
		}
		f, err := root.Open(name)
		if err != nil {
			return err
		}
		if size, err = regular(f.Stat()); err != nil {
			return errors.Join(err, f.Close())
		}
		rc = f
		return nil
	})
	return rc, size, err
}

func (dir folderFiles) size(name string) (size int64, err error) {
	err = dir.within(name, func(root *os.Root) (err error) {
		size, err = regular(root.Stat(name))
		return err
	})
	return size, err
}

var errNotRegular = errors.New("it is not a regular file")

func regular(info fs.FileInfo, err error) (int64, error) {
	switch {
	case err != nil:
		return 0, err
	case !info.Mode().IsRegular():
		return 0, errNotRegular
	}
	return info.Size(), nil
}

// within opens only files inside the folder.
func (dir folderFiles) within(name string, do func(*os.Root) error) error {
	root, err := os.OpenRoot(string(dir))
	if err != nil {
		return reason(err)
	}
	err = errors.Join(do(root), root.Close())
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return err
	case errors.Is(err, errNotRegular):
		return notRegular(name)
	case strings.Contains(err.Error(), "escapes"): // package os has no name for this error
		return fmt.Errorf("%s is a link that leads out of the layout: copy its target into the layout (cp -rL makes a copy without links)", name)
	}
	return fmt.Errorf("%s: %w", name, reason(err))
}

// tarFiles are the files of a layout in a tar file.
type tarFiles struct {
	path  string
	spans map[string]span
}

// span is the position of a file's content.
type span struct {
	offset, size int64
	odd          bool // no regular file
}

func (t *tarFiles) size(name string) (int64, error) {
	s, ok := t.spans[name]
	switch {
	case !ok:
		return 0, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	case s.odd:
		return 0, notRegular(name)
	}
	return s.size, nil
}

func (t *tarFiles) open(name string) (io.ReadCloser, int64, error) {
	size, err := t.size(name)
	if err != nil {
		return nil, 0, err
	}
	f, err := os.Open(t.path)
	if err != nil {
		return nil, 0, reason(err)
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(f, t.spans[name].offset, size), f}, size, nil
}

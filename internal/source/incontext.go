package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/docker/go-units"
)

// The size limits of the files that define a build. Files written by hand are smaller, and BuildKit refuses 16 MiB.
const (
	maxDockerfile = 1 << 20
	maxIgnoreFile = 4 << 20
)

// ReadInContext reads a file that a build context chooses because it is there, such as the default Dockerfile. A user who has cloned a
// project has not checked all of its files. So the file must be a regular file inside the folder, of at most limit bytes. A link that stays
// inside is followed. name is a path in the folder.
//
// The error is [fs.ErrNotExist] if there is no such file. Any other error continues the file's name: "is a directory, not a file". The
// error contains nothing of the content of a refused file.
func ReadInContext(dir, name string, limit int64) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	defer root.Close()
	info, err := root.Stat(name) // before the file is opened: opening a pipe would wait for its writer
	if err != nil {
		return nil, whyNot(root, name, err)
	}
	if err := isFile(info); err != nil {
		return nil, err
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	defer f.Close()
	return readAll(f, limit)
}

// whyNot returns why a file of a folder was not found.
func whyNot(root *os.Root, name string, err error) error {
	if _, missing := root.Lstat(name); errors.Is(missing, fs.ErrNotExist) {
		return missing
	}
	to, notLink := root.Readlink(name)
	switch {
	case notLink != nil && filepath.Dir(name) == ".":
		return fmt.Errorf("cannot be read: %w", err)
	case notLink != nil:
		return errors.New("leads out of the build context by a link")
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("is a link to %q, which does not exist", to)
	}
	return fmt.Errorf("is a link to %q, which leads out of the build context", to)
}

// isFile returns an error for anything but a regular file.
func isFile(info fs.FileInfo) error {
	kind := "something else"
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		kind = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		kind = "a pipe"
	case mode&fs.ModeDevice != 0:
		kind = "a device"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	}
	return fmt.Errorf("is %s, not a file", kind)
}

// readAll reads to the end. It fails if there is more than the limit.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("is larger than %s", units.BytesSize(float64(limit)))
	}
	return data, nil
}

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

// How large the files are that say what is built. Nobody writes larger ones by hand, and BuildKit refuses 16 MiB.
const (
	maxDockerfile = 1 << 20
	maxIgnoreFile = 4 << 20
)

// ReadInContext reads a file that a build context chooses by having it there, such as the default Dockerfile: who has cloned a project
// has not looked at all of its files. So it has to be a regular file inside the folder, of limit bytes at most. A link that stays
// inside is followed. name is a path in the folder.
//
// The error is [fs.ErrNotExist] if nothing is there. Any other one goes on from the file's name: "is a directory, not a file".
// Nothing of a file that is refused is in the error.
func ReadInContext(dir, name string, limit int64) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	defer root.Close()
	info, err := root.Stat(name) // before it is opened: that would wait for the writer of a pipe
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

// whyNot says why a file of a folder was not found.
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
		return fmt.Errorf("is a link to %q, and nothing is there", to)
	}
	return fmt.Errorf("is a link to %q, which leads out of the build context", to)
}

// isFile refuses what is not a regular file.
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

// readAll reads to the end, which is to come before the limit.
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

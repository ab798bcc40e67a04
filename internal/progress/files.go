package progress

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// files are the lanes' files in a folder. Each is created with the first message of its lane; [Shared] always has one.
type files struct {
	dir  string
	open map[string]*os.File
	to   map[string]*stream
}

// FileName is the name of a lane's file in a folder of logs: "linux_arm_v7.log" for linux/arm/v7.
func FileName(lane string) string {
	return strings.NewReplacer("/", "_", "(", "_", ")", "").Replace(lane) + ".log"
}

// newFiles makes the folder and the files of the known lanes, so that write errors show before any work.
func newFiles(dir string, platforms []string) (*files, error) {
	f := &files{dir: dir, open: map[string]*os.File{}, to: map[string]*stream{}}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // logs are for others to read as well
		return nil, err
	}
	for _, lane := range append([]string{Shared}, platforms...) {
		if _, err := f.of(lane); err != nil {
			_ = f.close()
			return nil, err
		}
	}
	return f, nil
}

func (f *files) of(lane string) (*stream, error) {
	if s := f.to[lane]; s != nil {
		return s, nil
	}
	file, err := create(filepath.Join(f.dir, FileName(lane)))
	if err != nil {
		return nil, err
	}
	f.open[lane] = file
	f.to[lane] = &stream{out: file}
	return f.to[lane], nil
}

// create makes a log. It replaces an earlier one, or a link: the target of a link is not in the folder.
func create(name string) (*os.File, error) {
	switch info, err := os.Lstat(name); {
	case err != nil || info.Mode().IsRegular():
	case info.Mode()&fs.ModeSymlink != 0:
		if err := os.Remove(name); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("%s is there, and is not a file", name)
	}
	return os.Create(name)
}

func (f *files) close() error {
	var first error
	for lane, file := range f.open {
		err := f.to[lane].err
		if cerr := file.Close(); err == nil {
			err = cerr
		}
		if err != nil && first == nil {
			first = fmt.Errorf("a log is not complete: %w", err)
		}
	}
	return first
}

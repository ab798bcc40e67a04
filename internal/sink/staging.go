package sink

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker-multiarch/docker-multiarch/internal/ctxio"
	"github.com/docker-multiarch/docker-multiarch/internal/inuse"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// StagePrefix begins the names of everything that a build writes before it has succeeded. A build context omits such names, since a
// destination may be inside it.
const StagePrefix = ".docker-multiarch-stage-"

// folderMode is the mode of folders that are made for a result, as docker buildx and other programs make them.
const folderMode = 0o755

// pending is a file that gets its content before its name. A destination that is not a regular file, such as /dev/null or a pipe, is written
// to directly.
type pending struct {
	*os.File
	held    *os.File // see held.Mark; nil if it is written directly
	dest    string
	inPlace bool
	stop    func() bool // of a file that is written directly: ends its tie to a context
}

// newPending makes a temporary file on the file system of dest. Neither dest nor its folder need exist. If dest is a
// pipe, it waits for a reader.
func newPending(ctx context.Context, dest string) (*pending, error) {
	info, err := os.Stat(dest)
	if err == nil && !info.Mode().IsRegular() {
		return openInPlace(ctx, dest)
	}
	dest = target(dest)
	f, held, err := createStage(nearest(filepath.Dir(dest)))
	if err != nil {
		return nil, err
	}
	p := &pending{File: f, held: held, dest: dest}
	if info != nil { // a replaced file keeps its mode
		if err := f.Chmod(info.Mode().Perm()); err != nil {
			p.abort()
			return nil, err
		}
	}
	return p, nil
}

// openInPlace opens a device or a pipe. A pipe without a reader blocks the system call, and later the writes: both end with ctx.
func openInPlace(ctx context.Context, dest string) (*pending, error) {
	f, err := ctxio.Open(ctx, dest, os.O_WRONLY)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = f.SetWriteDeadline(time.Unix(1, 0)) }) // devices support no deadlines, and do not block
	return &pending{File: f, dest: dest, inPlace: true, stop: stop}, nil
}

// target follows a link, even to a path that does not exist: the link stays.
func target(dest string) string {
	if resolved, err := filepath.EvalSymlinks(dest); err == nil {
		return resolved
	}
	for range 40 { // Linux follows as many
		to, err := os.Readlink(dest)
		if err != nil {
			return dest
		}
		if !filepath.IsAbs(to) {
			dir, err := filepath.EvalSymlinks(filepath.Dir(dest))
			if err != nil {
				return dest
			}
			to = filepath.Join(dir, to)
		}
		dest = to
	}
	return dest
}

// createStage makes a temporary file with the mode of an ordinary new file, by the user's umask. The caller closes held when the file has
// its name, or is removed.
func createStage(dir string) (f, held *os.File, err error) {
	inuse.RemoveLeft(dir, StagePrefix)
	for {
		f, err := os.OpenFile(filepath.Join(dir, StagePrefix+rand.Text()), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil {
			return nil, nil, err
		}
		if held, err = inuse.Mark(f.Name()); err == nil {
			return f, held, nil
		}
		if err := errors.Join(err, f.Close()); !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, err
		}
	}
}

// commit gives a closed file its name, in one step.
func (p *pending) commit() error {
	if p.inPlace {
		p.stop()
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(p.dest), folderMode); err != nil {
		return err
	}
	defer p.held.Close() // it was opened for its lock
	return move(p.Name(), p.dest)
}

// abort removes a file that was not committed. After a commit the temporary name no longer exists.
func (p *pending) abort() {
	_ = p.Close()
	if p.inPlace {
		p.stop()
		return
	}
	_ = os.Remove(p.Name())
	_ = p.held.Close()
}

// stagedDir makes a temporary folder on the file system of dest: inside dest if it exists, since the user may not be able to write to its
// parent. The caller closes held when the folder was removed.
func stagedDir(dest string) (dir string, held *os.File, err error) {
	inuse.RemoveLeft(nearest(dest), StagePrefix)
	return inuse.MkdirTemp(nearest(dest), StagePrefix)
}

// nearest returns the nearest folder that exists, dir or above it.
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

// folderOf returns the folder name of a platform's files, as BuildKit's exporters have it: "linux_arm_v7".
func folderOf(p platform.Platform) string { return strings.ReplaceAll(platform.Format(p), "/", "_") }

// CheckFile returns why a file cannot be written, before any work: because of the present file, or because of its folder. An existing file
// is not changed.
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
	if err == nil {
		f, err := os.OpenFile(dest, os.O_WRONLY, 0) // a rename would replace the file, but it is protected
		if err != nil {
			return fmt.Errorf("the destination file %q: %w", dest, err)
		}
		if err := f.Close(); err != nil {
			return fmt.Errorf("the destination file %q: %w", dest, err)
		}
	}
	return tryOut(dest, filepath.Dir(target(dest)))
}

// CheckFolder is CheckFile for a folder that receives files.
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

// tryOut makes a file at the place of the staging, and removes it.
func tryOut(dest, dir string) error {
	f, held, err := createStage(nearest(dir))
	if err != nil {
		return fmt.Errorf("%q cannot be written: %w", dest, err)
	}
	defer held.Close() // it was opened for its lock
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

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
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// StagePrefix begins the names of everything that a build writes before it has succeeded. A build context leaves such names out, since
// a destination may lie in it.
const StagePrefix = ".docker-multiarch-stage-"

// folderMode are the rights of folders that are made for a result, as the peer and other programs give them.
const folderMode = 0o755

// pending is a file that has its contents before its name. What is no regular file, such as /dev/null or a pipe, is written to in its
// place.
type pending struct {
	*os.File
	dest    string
	inPlace bool
	stop    func() bool // of what is in its place: ends its tie to a context
}

// newPending makes a temporary file on the file system of dest, which need not exist, nor its folder. A pipe is waited for until
// somebody reads from it.
func newPending(ctx context.Context, dest string) (*pending, error) {
	info, err := os.Stat(dest)
	if err == nil && !info.Mode().IsRegular() {
		return openInPlace(ctx, dest)
	}
	dest = target(dest)
	f, err := createStage(nearest(filepath.Dir(dest)))
	if err != nil {
		return nil, err
	}
	p := &pending{File: f, dest: dest}
	if info != nil { // what is replaced keeps its rights
		if err := f.Chmod(info.Mode().Perm()); err != nil {
			p.abort()
			return nil, err
		}
	}
	return p, nil
}

// openInPlace opens a device or a pipe. A pipe that nobody reads blocks the system call, and later the writing: both end with ctx.
func openInPlace(ctx context.Context, dest string) (*pending, error) {
	f, err := ctxio.Open(ctx, dest, os.O_WRONLY)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = f.SetWriteDeadline(time.Unix(1, 0)) }) // devices know no deadlines, and do not block
	return &pending{File: f, dest: dest, inPlace: true, stop: stop}, nil
}

// target follows a link, also one to what does not exist: the link stays.
func target(dest string) string {
	if resolved, err := filepath.EvalSymlinks(dest); err == nil {
		return resolved
	}
	for range 40 { // as many as Linux follows
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

// createStage makes a temporary file with the rights that a program's files have, by the user's umask.
func createStage(dir string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, StagePrefix+rand.Text()), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
}

// commit gives a file that was closed its name, in one step.
func (p *pending) commit() error {
	if p.inPlace {
		p.stop()
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(p.dest), folderMode); err != nil {
		return err
	}
	return move(p.Name(), p.dest)
}

// abort removes a file that was not committed; one that was is gone from there.
func (p *pending) abort() {
	_ = p.Close()
	if p.inPlace {
		p.stop()
		return
	}
	_ = os.Remove(p.Name())
}

// stagedDir makes a temporary folder on the file system of dest: inside of it if it exists, since what is above may belong to others.
func stagedDir(dest string) (string, error) {
	return os.MkdirTemp(nearest(dest), StagePrefix)
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
	if err == nil {
		f, err := os.OpenFile(dest, os.O_WRONLY, 0) // a rename would replace it, but it is protected
		if err != nil {
			return fmt.Errorf("the destination file %q: %w", dest, err)
		}
		if err := f.Close(); err != nil {
			return fmt.Errorf("the destination file %q: %w", dest, err)
		}
	}
	return tryOut(dest, filepath.Dir(target(dest)))
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
	f, err := createStage(nearest(dir))
	if err != nil {
		return fmt.Errorf("%q cannot be written: %w", dest, err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

//go:build linux

// Package tree writes the tar stream of a layer from the mounted files of a step, as BuildKit writes it.
//
// BuildKit computes a layer from two snapshots, that of the step and that of the step below, with the ChangeWriter of containerd
// (https://github.com/containerd/containerd/blob/v2.2.0/pkg/archive/tar.go). The stream of [Write] has the same bytes if the files are those of
// the layer. So its digest shows whether they are: it is the layer's diff ID.
package tree

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Layer is where the parts of a layer are mounted.
type Layer struct {
	Changed string // the files that the layer has
	Lower   string // all files below the layer; "" if there is nothing below
	Upper   string // all files with the layer; "" if Lower is ""
}

// Write writes the layer's tar stream.
func Write(w io.Writer, l Layer) error {
	t := &writer{Layer: l, tar: tar.NewWriter(w), names: map[inode]string{}, buf: make([]byte, 1<<20)}
	if err := t.folder("", l.Lower != ""); err != nil {
		return err
	}
	return t.tar.Close()
}

type writer struct {
	Layer
	tar   *tar.Writer
	names map[inode]string // of files with several names: the first one
	buf   []byte
}

type inode struct{ dev, ino uint64 }

// folder writes what is in a folder of the layer, in the order of its names. below reports whether there is such a folder below the layer.
func (t *writer) folder(dir string, below bool) error {
	names, err := namesIn(t.Changed + dir)
	if err != nil {
		return err
	}
	gone, err := t.gone(dir, below)
	if err != nil {
		return err
	}
	all := append(slices.Clone(names), gone...)
	slices.Sort(all)
	for _, name := range slices.Compact(all) {
		if _, there := slices.BinarySearch(names, name); there {
			err = t.entry(dir+"/"+name, below)
		} else {
			err = t.whiteout(dir, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// gone returns the names in a folder below the layer that the layer removes.
func (t *writer) gone(dir string, below bool) (names []string, err error) {
	if !below {
		return nil, nil
	}
	lower, err := namesIn(t.Lower + dir)
	if err != nil {
		return nil, err
	}
	upper, err := namesIn(t.Upper + dir)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(lower, func(name string) bool {
		_, there := slices.BinarySearch(upper, name)
		return there
	}), nil
}

func namesIn(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// whiteout writes that a name is removed.
func (t *writer) whiteout(dir, name string) error {
	epoch := time.Unix(0, 0).UTC()
	return t.tar.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: strings.TrimPrefix(dir+"/.wh."+name, "/"), ModTime: epoch, AccessTime: epoch, ChangeTime: epoch,
	})
}

// entry writes a file, or a folder with everything in it.
func (t *writer) entry(name string, below bool) error {
	var st syscall.Stat_t
	if err := syscall.Lstat(t.Changed+name, &st); err != nil {
		return err
	}
	h, err := t.header(name, &st)
	if err != nil || h == nil {
		return err
	}
	if err := t.tar.WriteHeader(h); err != nil {
		return err
	}
	switch {
	case h.Typeflag == tar.TypeDir:
		return t.folder(name, below && isDir(t.Lower+name))
	case h.Typeflag == tar.TypeReg && h.Size > 0:
		return t.content(name, h.Size)
	}
	return nil
}

func isDir(name string) bool {
	var st syscall.Stat_t
	return syscall.Lstat(name, &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFDIR
}

// header returns the header of a file; nil for one that no layer has.
func (t *writer) header(name string, st *syscall.Stat_t) (*tar.Header, error) {
	h := &tar.Header{
		Name: name[1:], Mode: int64(st.Mode & 0o7777), Uid: int(st.Uid), Gid: int(st.Gid), Format: tar.FormatPAX,
		ModTime: time.Unix(int64(st.Mtim.Sec), int64(st.Mtim.Nsec)).Truncate(time.Second), //nolint:unconvert // 32 bits wide on some machines
	}
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		h.Typeflag, h.Size = tar.TypeReg, st.Size
	case syscall.S_IFDIR:
		h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
	case syscall.S_IFLNK:
		to, err := os.Readlink(t.Changed + name)
		if err != nil {
			return nil, err
		}
		h.Typeflag, h.Linkname = tar.TypeSymlink, to
	case syscall.S_IFCHR, syscall.S_IFBLK:
		h.Typeflag = tar.TypeChar
		if st.Mode&syscall.S_IFMT == syscall.S_IFBLK {
			h.Typeflag = tar.TypeBlock
		}
		h.Devmajor, h.Devminor = int64(unix.Major(uint64(st.Rdev))), int64(unix.Minor(uint64(st.Rdev))) //nolint:unconvert // 32 bits wide on some machines
	case syscall.S_IFIFO:
		h.Typeflag = tar.TypeFifo
	default:
		return nil, nil //nolint:nilnil // a socket
	}
	if h.Typeflag != tar.TypeDir && st.Nlink > 1 {
		at := inode{uint64(st.Dev), st.Ino} //nolint:unconvert // 32 bits wide on some machines
		if first, known := t.names[at]; known {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
		} else {
			t.names[at] = h.Name
		}
	}
	return h, t.capability(name, h)
}

// capability adds the file's capabilities, the only extended attribute that a layer of BuildKit has.
func (t *writer) capability(name string, h *tar.Header) error {
	value := make([]byte, 256)
	n, err := unix.Lgetxattr(t.Changed+name, "security.capability", value)
	switch {
	case errors.Is(err, syscall.ENODATA), errors.Is(err, syscall.ENOTSUP):
		return nil
	case err != nil:
		return &fs.PathError{Op: "lgetxattr", Path: name, Err: err}
	case n > 0:
		h.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": string(value[:n])}
	}
	return nil
}

// content writes a file's bytes.
func (t *writer) content(name string, size int64) error {
	f, err := os.OpenFile(t.Changed+name, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.CopyBuffer(t.tar, struct{ io.Reader }{f}, t.buf)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

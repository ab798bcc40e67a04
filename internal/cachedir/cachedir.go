// Package cachedir caches results in a folder of the user's. It is a convenience: a file that cannot be read, by its rights or its
// size, counts as missing, a file that cannot be written is not written, and all of them may be deleted at any time. Several
// processes may use one folder. The reader of a file detects damage.
package cachedir

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/docker-multiarch/docker-multiarch/internal/atomicfile"
)

// abandoned is the age at which an unfinished file is removed.
const abandoned = time.Hour

// Folder is a folder of cached files. The zero Folder caches nothing.
type Folder struct {
	Dir     string // is made if it is missing; "" caches nothing
	Suffix  string // of the files' names: others are left alone
	Max     int64  // bytes of all files together; the least recently used are removed first
	MaxFile int64  // bytes of one file
}

func (f Folder) path(name string) string { return filepath.Join(f.Dir, name+f.Suffix) }

// Get returns the data under a name, which must be a plain one; nil if there is none.
func (f Folder) Get(name string) []byte {
	if f.Dir == "" {
		return nil
	}
	file, err := os.Open(f.path(name))
	if err != nil {
		return nil
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > f.MaxFile {
		return nil
	}
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(file, b); err != nil {
		return nil
	}
	if now := time.Now(); now.Sub(info.ModTime()) > time.Minute { // the time of the last use
		_ = os.Chtimes(file.Name(), now, now)
	}
	return b
}

// Remove deletes the data under a name, because it is damaged.
func (f Folder) Remove(name string) {
	if f.Dir != "" {
		_ = os.Remove(f.path(name))
	}
}

// Put stores data under a name, replaces earlier data, and removes other files if there are too many.
func (f Folder) Put(name string, data []byte) {
	if f.Dir == "" || int64(len(data)) > min(f.MaxFile, f.Max) || os.MkdirAll(f.Dir, 0o750) != nil {
		return
	}
	if atomicfile.WriteFile(f.path(name), data, 0o600) == nil {
		f.prune()
	}
}

// prune removes the least recently used files until the others fit.
func (f Folder) prune() {
	entries, err := os.ReadDir(f.Dir)
	if err != nil {
		return
	}
	var files []fs.FileInfo
	total := int64(0)
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case err != nil || !info.Mode().IsRegular():
		case strings.HasPrefix(e.Name(), atomicfile.Prefix):
			if time.Since(info.ModTime()) > abandoned {
				_ = os.Remove(filepath.Join(f.Dir, e.Name()))
			}
		case strings.HasSuffix(e.Name(), f.Suffix):
			total += info.Size()
			files = append(files, info)
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range files {
		if total <= f.Max {
			return
		}
		if os.Remove(filepath.Join(f.Dir, info.Name())) == nil {
			total -= info.Size()
		}
	}
}

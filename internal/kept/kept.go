// Package kept keeps what was found out, in a folder of the user's, so that it need not be found out again. It is a convenience: a file
// that cannot be read, by its rights or its size, counts as none, one that cannot be written is not written, and all of them may be deleted
// at any time. Several processes may use one folder. Whether a file is damaged is for its reader to tell.
package kept

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

// abandoned is how old a file gets that somebody began to write.
const abandoned = time.Hour

// Folder is where files are kept. The zero Folder keeps nothing.
type Folder struct {
	Dir    string // is made if it is missing; "" keeps nothing
	Suffix string // of the files' names: others are left alone
	Max    int64  // bytes of all files together; those that were not used for longest go first
	Each   int64  // bytes of one file
}

func (f Folder) path(name string) string { return filepath.Join(f.Dir, name+f.Suffix) }

// Get is what was put under a name, which is a plain one; nil if that is not there.
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
	if err != nil || !info.Mode().IsRegular() || info.Size() > f.Each {
		return nil
	}
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(file, b); err != nil {
		return nil
	}
	if now := time.Now(); now.Sub(info.ModTime()) > time.Minute { // by which the least recently used is known
		_ = os.Chtimes(file.Name(), now, now)
	}
	return b
}

// Remove forgets what is under a name, because it is damaged.
func (f Folder) Remove(name string) {
	if f.Dir != "" {
		_ = os.Remove(f.path(name))
	}
}

// Put keeps data under a name, in the place of what is there, and lets go of others if there are too many.
func (f Folder) Put(name string, data []byte) {
	if f.Dir == "" || int64(len(data)) > min(f.Each, f.Max) || os.MkdirAll(f.Dir, 0o750) != nil {
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

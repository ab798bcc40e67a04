package gate

import (
	"cmp"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
)

const (
	defaultCacheBytes = 64 << 20
	cacheSuffix       = ".listing"
	// abandoned is how old a file gets that somebody began to write.
	abandoned = time.Hour
)

// A cache keeps listings in a folder, a file a layer. It is a convenience: a file that cannot be read, by its rights or its content,
// counts as none, and one that cannot be written is not written. Several processes may use one folder.
type cache struct {
	dir string
	max int64 // bytes
}

func (c cache) name(d digest.Digest) string {
	return filepath.Join(c.dir, d.Algorithm().String()+"-"+d.Encoded()+cacheSuffix)
}

// get returns a layer's listing, nil if there is none.
func (c cache) get(d digest.Digest) *Listing {
	if c.dir == "" {
		return nil
	}
	f, err := os.Open(c.name(d))
	if err != nil {
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxListing {
		return nil
	}
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil
	}
	l, err := decode(b)
	if err != nil {
		_ = os.Remove(f.Name())
		return nil
	}
	if now := time.Now(); now.Sub(info.ModTime()) > time.Minute { // by which the least recently used is known
		_ = os.Chtimes(f.Name(), now, now)
	}
	return l
}

// put keeps a layer's listing, and lets go of others if there are too many.
func (c cache) put(d digest.Digest, l *Listing) {
	if c.dir == "" {
		return
	}
	b := l.encode()
	if int64(len(b)) > c.max/4 || os.MkdirAll(c.dir, 0o750) != nil {
		return
	}
	f, err := os.CreateTemp(c.dir, "new-*"+cacheSuffix)
	if err != nil {
		return
	}
	_, err = f.Write(b)
	err = cmp.Or(err, f.Close())
	if err != nil || os.Rename(f.Name(), c.name(d)) != nil {
		_ = os.Remove(f.Name())
		return
	}
	c.prune()
}

// prune removes the least recently used files until the others fit.
func (c cache) prune() {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return
	}
	var files []fs.FileInfo
	total := int64(0)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !strings.HasSuffix(e.Name(), cacheSuffix) {
			continue
		}
		if strings.HasPrefix(e.Name(), "new-") && time.Since(info.ModTime()) > abandoned {
			_ = os.Remove(filepath.Join(c.dir, e.Name()))
			continue
		}
		total += info.Size()
		files = append(files, info)
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, f := range files {
		if total <= c.max {
			return
		}
		if !strings.HasPrefix(f.Name(), "new-") && os.Remove(filepath.Join(c.dir, f.Name())) == nil {
			total -= f.Size()
		}
	}
}

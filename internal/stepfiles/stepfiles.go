package solve

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	fstypes "github.com/tonistiigi/fsutil/types"
	"golang.org/x/sync/errgroup"
)

// atOnce is how many files of a step the builder is asked for at the same time.
const atOnce = 8

// files are those that a step has made, or that an image has. Symlinks are followed within them, also at the end of a path, as COPY does;
// below a directory that is walked they are not, as COPY does as well.
type files struct{ ref gateway.Reference }

// dirEntry is a file or a directory.
type dirEntry struct {
	path string // absolute
	mode fs.FileMode
	size int64
}

func newDirEntry(name string, st *fstypes.Stat) dirEntry {
	return dirEntry{path: name, mode: fs.FileMode(st.GetMode()), size: st.GetSize()}
}

// open makes the builder get what there is to read.
func (f files) open(ctx context.Context) error {
	_, err := f.ref.StatFile(ctx, gateway.StatRequest{Path: "/"})
	return err
}

// stat is what a path leads to; ok is false if nothing is there. The files must have been opened: then an error tells what is not there.
func (f files) stat(ctx context.Context, name string) (e dirEntry, ok bool, err error) {
	st, err := f.ref.StatFile(ctx, gateway.StatRequest{Path: name})
	if absent(err) {
		return dirEntry{}, false, nil
	}
	return newDirEntry(name, st), err == nil, err
}

// absent: the error is that nothing is there. BuildKit sends it as text.
func absent(err error) bool {
	return err != nil && (errors.Is(err, fs.ErrNotExist) ||
		strings.HasSuffix(err.Error(), "no such file or directory") || strings.HasSuffix(err.Error(), "not a directory"))
}

// dangles: the path is a symlink that leads to nothing.
func (f files) dangles(ctx context.Context, name string) (bool, error) {
	only := path.Base(name)
	if strings.ContainsAny(only, `*?[\!`) {
		only = "" // it would be a pattern
	}
	list, err := f.list(ctx, path.Dir(name), only)
	if absent(err) {
		return false, nil
	}
	for _, e := range list {
		if e.path == name {
			return true, nil
		}
	}
	return false, err
}

// list is what a directory has; only names one entry, "" is all.
func (f files) list(ctx context.Context, dir, only string) ([]dirEntry, error) {
	stats, err := f.ref.ReadDir(ctx, gateway.ReadDirRequest{Path: dir, IncludePattern: only})
	if err != nil {
		return nil, err
	}
	list := make([]dirEntry, len(stats))
	for i, st := range stats {
		list[i] = newDirEntry(path.Join(dir, path.Base(st.GetPath())), st)
	}
	return list, nil
}

// walk shows all that is below a directory, what is nearer first, until see has seen enough, which it says with false. depth bounds how
// far down it goes; 1 is the directory itself, 0 is no bound.
func (f files) walk(ctx context.Context, dir string, depth int, see func(dirEntry) bool) error {
	level := []string{dir}
	for n := 1; len(level) > 0; n++ {
		lists := make([][]dirEntry, len(level))
		reading, ctx := errgroup.WithContext(ctx)
		reading.SetLimit(atOnce)
		for i, d := range level {
			reading.Go(func() (err error) {
				lists[i], err = f.list(ctx, d, "")
				return err
			})
		}
		if err := reading.Wait(); err != nil {
			return err
		}
		level = nil
		for _, list := range lists {
			for _, e := range list {
				if !see(e) {
					return nil
				}
				if e.mode.IsDir() && n != depth {
					level = append(level, e.path)
				}
			}
		}
	}
	return nil
}

// match is what a source of COPY or of a mount names: the path itself, or what its wildcards match. more tells that there was more to look
// at than max entries. It is what fsutil's copy.ResolveWildcards does in the builder; a mount has no wildcards, so what matches nothing is
// a path as well.
func (f files) match(ctx context.Context, pattern string, max int) (found []dirEntry, more bool, err error) {
	if dir, wild := splitWildcards(pattern); wild != "" {
		// A class, such as [^a], matches a slash as well.
		depth := 1 + strings.Count(wild, "/") + strings.Count(wild, "[")
		seen := 0
		err = f.walk(ctx, dir, depth, func(e dirEntry) bool {
			if ok, err := path.Match(wild, strings.TrimPrefix(strings.TrimPrefix(e.path, dir), "/")); err == nil && ok {
				found = append(found, e)
			}
			seen++
			more = seen >= max
			return !more
		})
		if len(found) > 0 || err != nil && !absent(err) {
			return found, more, err
		}
	}
	e, ok, err := f.stat(ctx, pattern)
	if ok {
		found = []dirEntry{e}
	}
	return found, more, err
}

// splitWildcards parts a pattern before its first element with a wildcard, as the builder does.
func splitWildcards(pattern string) (dir, wild string) {
	parts := strings.Split(strings.Trim(path.Clean(pattern), "/"), "/")
	for i, part := range parts {
		if hasWildcard(part) {
			return "/" + strings.Join(parts[:i], "/"), strings.Join(parts[i:], "/")
		}
	}
	return "/" + strings.Join(parts, "/"), ""
}

func hasWildcard(name string) bool {
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '\\':
			i++
		case '*', '?', '[':
			return true
		}
	}
	return false
}

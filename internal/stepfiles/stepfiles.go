// Package stepfiles reads through BuildKit the files that a step of a build has made, or that an image has. It resolves paths as COPY does:
// symlinks are followed within the files, also at the end of a path, and not below a directory that is walked.
package stepfiles

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	fstypes "github.com/tonistiigi/fsutil/types"
	"golang.org/x/sync/errgroup"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
)

// AtOnce is how many files of a step are requested from BuildKit at the same time.
const AtOnce = 8

// Files are the files of a reference.
type Files struct{ Ref gateway.Reference }

// Solve makes BuildKit solve a definition, and returns the files of its result. ok is false if it has none.
func Solve(ctx context.Context, gw gateway.Client, def *llb.Definition) (f Files, ok bool, err error) {
	res, err := gw.Solve(ctx, gateway.SolveRequest{Definition: def.ToPB()})
	if err != nil {
		return Files{}, false, err
	}
	ref, err := res.SingleRef()
	return Files{ref}, ref != nil, err
}

// Entry is a file or a directory.
type Entry struct {
	Path string // absolute
	Mode fs.FileMode
	Size int64
}

func newEntry(name string, st *fstypes.Stat) Entry {
	return Entry{Path: name, Mode: fs.FileMode(st.GetMode()), Size: st.GetSize()}
}

// Open makes BuildKit fetch or make the files.
func (f Files) Open(ctx context.Context) error {
	_, err := f.Ref.StatFile(ctx, gateway.StatRequest{Path: "/"})
	return err
}

// Stat returns the file that a path leads to; ok is false if there is none. The files must have been opened: otherwise an error could also
// come from making them.
func (f Files) Stat(ctx context.Context, name string) (e Entry, ok bool, err error) {
	st, err := f.Ref.StatFile(ctx, gateway.StatRequest{Path: name})
	if absent(err) {
		return Entry{}, false, nil
	}
	return newEntry(name, st), err == nil, err
}

// absent reports whether an error says that a file does not exist. BuildKit sends it as text.
func absent(err error) bool {
	return err != nil && (errors.Is(err, fs.ErrNotExist) || buildkitmsg.IsNotExist(err))
}

// Dangles reports whether the path is a symlink that leads to nothing.
func (f Files) Dangles(ctx context.Context, name string) (bool, error) {
	only := path.Base(name)
	if strings.ContainsAny(only, `*?[\!`) {
		only = "" // a base name with wildcards would be a pattern
	}
	list, err := f.list(ctx, path.Dir(name), only)
	if absent(err) {
		return false, nil
	}
	for _, e := range list {
		if e.Path == name {
			return true, nil
		}
	}
	return false, err
}

// list returns the entries of a directory; only selects one entry by its name, "" selects all.
func (f Files) list(ctx context.Context, dir, only string) ([]Entry, error) {
	stats, err := f.Ref.ReadDir(ctx, gateway.ReadDirRequest{Path: dir, IncludePattern: only})
	if err != nil {
		return nil, err
	}
	list := make([]Entry, len(stats))
	for i, st := range stats {
		list[i] = newEntry(path.Join(dir, path.Base(st.GetPath())), st)
	}
	return list, nil
}

// Walk calls see for everything below a directory, nearer entries first, until see returns false. depth bounds how far down it goes; 1 is
// the directory itself, 0 means no limit.
func (f Files) Walk(ctx context.Context, dir string, depth int, see func(Entry) bool) error {
	level := []string{dir}
	for n := 1; len(level) > 0; n++ {
		lists := make([][]Entry, len(level))
		reading, ctx := errgroup.WithContext(ctx)
		reading.SetLimit(AtOnce)
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
				if e.Mode.IsDir() && n != depth {
					level = append(level, e.Path)
				}
			}
		}
	}
	return nil
}

// Match returns the files that a source of COPY or of a mount names: the path itself, or the matches of its wildcards. more reports that
// there were more entries to examine than most. In the builder fsutil's copy.ResolveWildcards does the same. A mount has no wildcards, so a
// pattern without matches is a path as well.
func (f Files) Match(ctx context.Context, pattern string, most int) (found []Entry, more bool, err error) {
	if dir, wild := splitWildcards(pattern); wild != "" {
		// A class, such as [^a], matches a slash as well.
		depth := 1 + strings.Count(wild, "/") + strings.Count(wild, "[")
		seen := 0
		err = f.Walk(ctx, dir, depth, func(e Entry) bool {
			if ok, err := path.Match(wild, strings.TrimPrefix(strings.TrimPrefix(e.Path, dir), "/")); err == nil && ok {
				found = append(found, e)
			}
			seen++
			more = seen >= most
			return !more
		})
		if len(found) > 0 || err != nil && !absent(err) {
			return found, more, err
		}
	}
	e, ok, err := f.Stat(ctx, pattern)
	if ok {
		found = []Entry{e}
	}
	return found, more, err
}

// splitWildcards splits a pattern before its first element with a wildcard, as the builder does.
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

// Part returns a piece of a file, which is shorter at the end of the file.
func (f Files) Part(ctx context.Context, name string, offset, length int) ([]byte, error) {
	return f.Ref.ReadFile(ctx, gateway.ReadRequest{Filename: name, Range: &gateway.FileRange{Offset: offset, Length: length}})
}

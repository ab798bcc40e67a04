package source

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

const (
	maxSized    = 20_000  // files that are counted at most to find the size of a COPY
	maxCompared = 500_000 // comparisons of a file with a pattern of .dockerignore; together they take some tenths of a second
)

// CopySize counts the bytes of the local context that a COPY of these paths takes, up to most; 0 if the context is not local. It is for a
// hint: it respects .dockerignore, and stops counting in a directory of very many files, with very many patterns, or when ctx ends. As in
// BuildKit a path does not lead out of the context, and neither does a link.
func (s Source) CopySize(ctx context.Context, paths []string, most int64) int64 {
	if s.ContextDir == "" {
		return 0
	}
	root, err := os.OpenRoot(s.ContextDir)
	if err != nil {
		return 0
	}
	defer root.Close()
	count := counting{FS: root.FS(), stopped: ctx.Err, ignored: ignoredIn(s.ContextDir), files: maxSized, most: most}
	for _, p := range paths {
		pattern := path.Join("/", filepath.ToSlash(p))[1:]
		if pattern == "" {
			pattern = "."
		}
		matches, _ := fs.Glob(&count, pattern) // an invalid pattern matches nothing
		for _, match := range matches {
			_ = fs.WalkDir(&count, match, count.visit) // a file that cannot be read counts as nothing
		}
	}
	return count.bytes
}

// counting is a context whose files are counted while it is read.
type counting struct {
	fs.FS
	stopped  func() error                   // not nil when the count is no longer needed; fs.Glob takes no context
	ignored  *patternmatcher.PatternMatcher // nil if nothing is ignored
	files    int                            // the files that may still be counted
	compared int
	bytes    int64
	most     int64 // counting stops here
}

// ReadDir implements fs.ReadDirFS, up to the limits.
func (c *counting) ReadDir(name string) ([]fs.DirEntry, error) {
	if c.ended() {
		return nil, fs.SkipAll
	}
	entries, err := fs.ReadDir(c.FS, name)
	c.files -= len(entries)
	return entries, err
}

func (c *counting) ended() bool {
	return c.stopped() != nil || c.files <= 0 || c.compared > maxCompared || c.bytes >= c.most
}

func (c *counting) visit(file string, entry fs.DirEntry, err error) error {
	if err != nil || c.ended() {
		return fs.SkipAll
	}
	if !entry.Type().IsRegular() || c.ignores(file) {
		return nil
	}
	if info, err := entry.Info(); err == nil {
		c.bytes += info.Size()
	}
	return nil
}

func (c *counting) ignores(file string) bool {
	if c.ignored == nil {
		return false
	}
	c.compared += len(c.ignored.Patterns())
	out, err := c.ignored.MatchesOrParentMatches(file)
	return err == nil && out
}

// ignoredIn returns the matcher of a context's .dockerignore; nil if it excludes nothing, or cannot be read: BuildKit reports that error.
func ignoredIn(dir string) *patternmatcher.PatternMatcher {
	data, err := ReadInContext(dir, ignoreName, maxIgnoreFile)
	if err != nil {
		return nil
	}
	patterns, err := ignorefile.ReadAll(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		return nil
	}
	return ignored
}

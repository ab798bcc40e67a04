package build

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/docker-multiarch/docker-multiarch/internal/hints"
)

// maxSized is how many files are looked at to find out how big a COPY is.
const maxSized = 20_000

// size counts the bytes of the local context that a COPY of these paths takes, up to [hints.BigCopy]; 0 if the context is not local.
// It is for a hint: it leaves out what .dockerignore does, and gives up in a directory of very many files.
func (s Source) size(paths []string) int64 {
	if s.ContextDir == "" {
		return 0
	}
	count := counting{dir: s.ContextDir, ignored: ignoredIn(s.ContextDir)}
	for _, path := range paths {
		matches, err := filepath.Glob(filepath.Join(s.ContextDir, filepath.FromSlash(filepath.ToSlash(path))))
		for _, match := range matches {
			if rel, relErr := filepath.Rel(s.ContextDir, match); err == nil && relErr == nil && filepath.IsLocal(rel) {
				_ = filepath.WalkDir(match, count.see) // what cannot be read counts nothing
			}
		}
	}
	return count.bytes
}

// counting adds files up.
type counting struct {
	dir     string
	ignored func(string) bool
	files   int
	bytes   int64
}

func (c *counting) see(file string, entry fs.DirEntry, err error) error {
	if c.files++; err != nil || c.files > maxSized || c.bytes >= hints.BigCopy {
		return filepath.SkipAll
	}
	rel, err := filepath.Rel(c.dir, file)
	if err != nil || !entry.Type().IsRegular() || c.ignored(filepath.ToSlash(rel)) {
		return nil
	}
	if info, err := entry.Info(); err == nil {
		c.bytes += info.Size()
	}
	return nil
}

// ignoredIn tells what a directory's .dockerignore leaves out.
func ignoredIn(dir string) func(string) bool {
	data, err := os.ReadFile(filepath.Join(dir, ".dockerignore"))
	if err != nil {
		return func(string) bool { return false }
	}
	patterns, err := ignorefile.ReadAll(strings.NewReader(string(data)))
	if err != nil {
		return func(string) bool { return false }
	}
	return func(path string) bool {
		out, err := patternmatcher.MatchesOrParentMatches(path, patterns)
		return err == nil && out
	}
}

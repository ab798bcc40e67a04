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
func (s Source) size(paths []string) (bytes int64) {
	if s.ContextDir == "" {
		return 0
	}
	ignored := ignoredIn(s.ContextDir)
	files := 0
	for _, path := range paths {
		matches, err := filepath.Glob(filepath.Join(s.ContextDir, filepath.FromSlash(filepath.ToSlash(path))))
		if err != nil {
			continue
		}
		for _, match := range matches {
			if rel, err := filepath.Rel(s.ContextDir, match); err != nil || !filepath.IsLocal(rel) && rel != "." {
				continue
			}
			_ = filepath.WalkDir(match, func(file string, entry fs.DirEntry, err error) error { // what cannot be read counts nothing
				if files++; err != nil || files > maxSized || bytes >= hints.BigCopy {
					return filepath.SkipAll
				}
				rel, err := filepath.Rel(s.ContextDir, file)
				if err != nil || !entry.Type().IsRegular() || ignored(filepath.ToSlash(rel)) {
					return nil
				}
				if info, err := entry.Info(); err == nil {
					bytes += info.Size()
				}
				return nil
			})
		}
	}
	return bytes
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

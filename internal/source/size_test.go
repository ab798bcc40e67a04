package source

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheSizeOfACopyIsThatOfTheContextsOwnFiles(t *testing.T) {
	dir := t.TempDir()
	outside := t.TempDir()
	write(t, outside, "far", strings.Repeat("x", 1000))
	for name, size := range map[string]int{"a": 1, "b": 20, "sub/c": 300, "left/out": 4000} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, dir, name, strings.Repeat("x", size))
	}
	write(t, dir, ".dockerignore", "left\n")
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	ignore := int64(len("left\n"))
	for paths, want := range map[string]int64{
		".": 321 + ignore, "/": 321 + ignore, "a": 1, "/a b": 21, "sub": 300, "su*/c": 300, "left": 0, "link": 0, "link/far": 0, "link/*": 0,
		"../" + filepath.Base(outside) + "/far": 0, "../../a": 1, "../*/*": 300, "[": 0, "none": 0,
	} {
		if got := (Source{ContextDir: dir}).CopySize(t.Context(), strings.Fields(paths), 10<<20); got != want {
			t.Errorf("%q: %d bytes, not %d", paths, got, want)
		}
	}
}

func TestTheSizeOfACopyIsNotWorthMuchWork(t *testing.T) {
	dir := t.TempDir()
	patterns := &strings.Builder{}
	patterns.WriteString(".dockerignore\n")
	for i := range 50_000 {
		fmt.Fprintf(patterns, "pattern%d/*\n", i)
	}
	write(t, dir, ".dockerignore", patterns.String())
	for i := range 300 {
		write(t, dir, fmt.Sprint(i), "x")
	}
	if got := (Source{ContextDir: dir}).CopySize(t.Context(), []string{"*"}, 10<<20); got >= 300 {
		t.Errorf("all %d bytes were counted", got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got := (Source{ContextDir: dir}).CopySize(ended, []string{"."}, 10<<20); got != 0 {
		t.Errorf("after the end of the context %d bytes were counted", got)
	}
}

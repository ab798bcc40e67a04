package sink

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/testkit"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// asNobody runs a function with the rights of a user who is not root.
func asNobody(t *testing.T, dir string, do func() error) {
	t.Helper()
	const nobody = 65534
	own := func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, nobody, nobody)
	}
	if os.Getuid() == 0 {
		for up := dir; up != os.TempDir() && up != "/"; up = filepath.Dir(up) {
			if err := os.Chmod(up, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := filepath.WalkDir(dir, own); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine, and its rights with it
		if err := syscall.Setfsuid(nobody); os.Getuid() == 0 && err != nil {
			done <- err
			return
		}
		done <- do()
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestReadOnlyFoldersOfAnImageArePlacedByAnyUser(t *testing.T) {
	dir := t.TempDir()
	staged, dest := filepath.Join(dir, "staged"), filepath.Join(dir, "dest")
	testkit.Write(t, dir, "staged/new/file", "1")
	testkit.Write(t, dir, "staged/there/file", "2")
	testkit.Write(t, dir, "dest/there/mine", "3")
	for _, name := range []string{"staged/new", "staged/there", "dest/there"} {
		name = filepath.Join(dir, name)
		if err := os.Chmod(name, 0o555); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(name, 0o755) })
	}
	asNobody(t, dir, func() error { return placeDir(staged, dest) })
	for _, name := range []string{"new", "there"} {
		name := filepath.Join(dest, name)
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o555 {
			t.Errorf("%s is %v, %v", name, info, err)
		}
		t.Cleanup(func() { _ = os.Chmod(name, 0o755) })
	}
	if diff := cmp.Diff(map[string]string{"new/file": "1", "there/file": "2", "there/mine": "3"}, testkit.Tree(t, dest)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFilesFromAnotherFileSystemAreCopied(t *testing.T) {
	staged, err := os.MkdirTemp("/dev/shm", "") //nolint:usetesting // it must be another file system
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(staged) })
	dest := t.TempDir()
	if err := os.Rename(testkit.Write(t, staged, "probe", ""), filepath.Join(dest, "probe")); err == nil {
		t.Skip("/dev/shm is no other file system")
	}
	testkit.Write(t, dest, "a/old", "old")
	testkit.Write(t, staged, "a/b/file", "1")
	if err := os.Symlink("file", filepath.Join(staged, "a/b/link")); err != nil {
		t.Fatal(err)
	}
	before := time.Unix(1e9, 0)
	if err := os.Chtimes(filepath.Join(staged, "a/b/file"), before, before); err != nil {
		t.Fatal(err)
	}
	if err := placeDir(staged, dest); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a/old": "old", "a/b/file": "1", "a/b/link": "1", "probe": ""}
	if diff := cmp.Diff(want, testkit.Tree(t, dest)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if link, err := os.Readlink(filepath.Join(dest, "a/b/link")); link != "file" {
		t.Errorf("the link is %q, %v", link, err)
	}
	if info, err := os.Stat(filepath.Join(dest, "a/b/file")); err != nil || !info.ModTime().Equal(before) || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	if _, err := os.Stat(staged); err == nil {
		t.Error("what was staged is there still")
	}
}

func TestAPipeWithoutAReaderEndsWithTheBuild(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	stopped := errors.New("stopped")
	opening, stop := context.WithCancelCause(t.Context())
	time.AfterFunc(10*time.Millisecond, func() { stop(stopped) })
	if p, err := newPending(opening, pipe); !errors.Is(err, stopped) {
		t.Fatalf("got %v, %v", p, err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDWR, 0) // it never blocks, and is never read
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	writing, stop := context.WithCancelCause(t.Context())
	p, err := newPending(writing, pipe)
	if err != nil {
		t.Fatal(err)
	}
	defer p.abort()
	time.AfterFunc(10*time.Millisecond, func() { stop(stopped) })
	if _, err := p.Write(make([]byte, 1<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a pipe took it all, or failed otherwise: %v", err)
	}
}

func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestFilesThatAKilledBuildHasStagedAreRemovedByTheNextAndThoseOfALiveBuildStay(t *testing.T) {
	dir := t.TempDir()
	testkit.Write(t, dir, StagePrefix+"killed/usr/bin/app", "")
	testkit.Write(t, dir, StagePrefix+"file", "")
	testkit.Write(t, dir, "other", "")
	var all []*StagedFiles
	for range 2 {
		outs := Outputs{List: []Output{Files{Dest: dir}, Files{Dest: filepath.Join(dir, "files.tar"), Tar: true}}}
		one, err := StageFiles(t.Context(), outs, []platform.Platform{{OS: "linux", Architecture: "amd64"}}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	if names := namesIn(t, dir); len(names) != 5 || slices.Contains(names, StagePrefix+"file") {
		t.Errorf("two builds at the same time: %v", names)
	}
	for _, one := range all {
		one.Abort(t.Context())
	}
	if diff := cmp.Diff([]string{"other"}, namesIn(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

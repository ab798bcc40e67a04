package cachedir_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/internal/atomicfile"
	"github.com/docker-multiarch/docker-multiarch/internal/cachedir"
)

func folder(t *testing.T) cachedir.Folder {
	return cachedir.Folder{Dir: filepath.Join(t.TempDir(), "is", "made"), Suffix: ".thing", Max: 40, MaxFile: 20}
}

// aged makes a file older than it is.
func aged(t *testing.T, file string, by time.Duration) {
	t.Helper()
	if err := os.Chtimes(file, time.Time{}, time.Now().Add(-by)); err != nil {
		t.Fatal(err)
	}
}

func TestStoredDataCanBeRead(t *testing.T) {
	f := folder(t)
	if got := f.Get("a"); got != nil {
		t.Errorf("before anything was put there is %q", got)
	}
	f.Put("a", []byte("first"))
	f.Put("a", []byte("second"))
	if got := string(f.Get("a")); got != "second" {
		t.Errorf("there is %q", got)
	}
	f.Remove("a")
	if got := f.Get("a"); got != nil {
		t.Errorf("after it was removed there is %q", got)
	}
}

func TestTheLeastRecentlyUsedGoes(t *testing.T) {
	f := folder(t)
	for i, name := range []string{"old", "used", "new"} {
		f.Put(name, []byte(strings.Repeat("x", 10)))
		aged(t, filepath.Join(f.Dir, name+".thing"), time.Duration(10-i)*time.Hour)
	}
	other, stale := filepath.Join(f.Dir, "of others"), filepath.Join(f.Dir, atomicfile.Prefix+"1")
	for _, file := range []string{other, stale} {
		if err := os.WriteFile(file, make([]byte, 100), 0o600); err != nil {
			t.Fatal(err)
		}
		aged(t, file, 2*time.Hour)
	}
	aged(t, filepath.Join(f.Dir, "used.thing"), 20*time.Hour)
	f.Get("used")
	f.Put("last", []byte(strings.Repeat("x", 20)))
	for name, want := range map[string]bool{"old": false, "used": true, "new": true, "last": true} {
		if got := f.Get(name) != nil; got != want {
			t.Errorf("%s is there: %v, want %v", name, got, want)
		}
	}
	if _, err := os.Stat(stale); err == nil {
		t.Error("what somebody began to write two hours ago is still there")
	}
	if _, err := os.Stat(other); err != nil {
		t.Error("a file of others is gone")
	}
}

func TestLargeDataIsNotCached(t *testing.T) {
	f := folder(t)
	f.Put("a", make([]byte, 21))
	if f.Get("a") != nil {
		t.Error("it was written")
	}
	if err := os.MkdirAll(f.Dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.Dir, "a.thing"), make([]byte, 21), 0o600); err != nil {
		t.Fatal(err)
	}
	if f.Get("a") != nil {
		t.Error("it was read")
	}
}

func TestSeveralMayWriteAtOnce(t *testing.T) {
	f := folder(t)
	var writing sync.WaitGroup
	for i := range 8 {
		writing.Go(func() { f.Put("a", []byte(strings.Repeat(fmt.Sprint(i), 20))) })
	}
	writing.Wait()
	got := string(f.Get("a"))
	if len(got) != 20 || strings.Trim(got, got[:1]) != "" {
		t.Errorf("there is %q", got)
	}
}

func TestAFolderThatTakesNothingDoesNoHarm(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", file, filepath.Join(file, "x")} {
		f := cachedir.Folder{Dir: dir, Max: 10, MaxFile: 10}
		f.Put("a", []byte("x"))
		f.Remove("a")
		if f.Get("a") != nil {
			t.Errorf("%q keeps something", dir)
		}
	}
}

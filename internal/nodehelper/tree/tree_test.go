//go:build linux

package tree_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/pkg/archive"
	"golang.org/x/sys/unix"

	"github.com/docker-multiarch/docker-multiarch/internal/nodehelper/tree"
)

// change changes the files in a folder.
type change func(t *testing.T, dir string)

func all(changes ...change) change {
	return func(t *testing.T, dir string) {
		t.Helper()
		for _, c := range changes {
			c(t, dir)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func file(name, text string, mode os.FileMode) change {
	return func(t *testing.T, dir string) {
		t.Helper()
		name := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(name), 0o755))
		must(t, os.WriteFile(name, []byte(text), 0o600))
		must(t, os.Chmod(name, mode))
	}
}

func folder(name string, mode os.FileMode) change {
	return func(t *testing.T, dir string) {
		t.Helper()
		must(t, os.MkdirAll(filepath.Join(dir, name), 0o755))
		must(t, os.Chmod(filepath.Join(dir, name), mode))
	}
}

func link(name, to string) change {
	return func(t *testing.T, dir string) { t.Helper(); must(t, os.Symlink(to, filepath.Join(dir, name))) }
}

func second(name, of string) change {
	return func(t *testing.T, dir string) {
		t.Helper()
		must(t, os.Link(filepath.Join(dir, of), filepath.Join(dir, name)))
	}
}

func gone(names ...string) change {
	return func(t *testing.T, dir string) {
		t.Helper()
		for _, name := range names {
			must(t, os.RemoveAll(filepath.Join(dir, name)))
		}
	}
}

func pipe(name string) change {
	return func(t *testing.T, dir string) { t.Helper(); must(t, unix.Mkfifo(filepath.Join(dir, name), 0o640)) }
}

func times(name string, at time.Time) change {
	return func(t *testing.T, dir string) { t.Helper(); must(t, os.Chtimes(filepath.Join(dir, name), at, at)) }
}

// layerOf returns what containerd writes of the difference of two folders, and a folder of nothing but the files in it.
func layerOf(t *testing.T, lower, upper string) (stream []byte, changed string) {
	t.Helper()
	var b bytes.Buffer
	must(t, archive.WriteDiff(t.Context(), &b, lower, upper))
	changed = t.TempDir()
	_, err := archive.Apply(t.Context(), changed, bytes.NewReader(b.Bytes()))
	must(t, err)
	return b.Bytes(), changed
}

// below is what is below the layers of the tests.
var below = all(
	file("etc/passwd", "root", 0o644), file("etc/group", "root", 0o644), file("usr/bin/sh", "#!", 0o755), file("usr/lib/a/b/c", "c", 0o644), file("var/x", "x", 0o600),
	link("lib", "usr/lib"), folder("tmp", 0o777|os.ModeSticky), file("opt/a", "a", 0o644), file("opt/z", "z", 0o644),
)

func TestTheStreamIsThatOfTheLayer(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 12)
	for name, changes := range map[string]change{
		"nothing":                          all(),
		"files, folders and links":         all(file("a/b/c", "text", 0o644), folder("d", 0o700|os.ModeSetgid), link("l", "../../a"), pipe("p"), file("s", "x", 0o755|os.ModeSetuid)),
		"names that headers are short for": all(file(long+"/"+long+"/"+long, "x", 0o644), link("l", long+"/"+long), file("ü", "", 0o644), file("a\nb", "", 0o644), file("\xff", "", 0o644)),
		"several names of a file":          all(file("z/one", "1", 0o644), second("a", "z/one"), second("z/two", "z/one"), file("other", "2", 0o644), second("zz", "other")),
		"removed files":                    gone("etc/passwd", "var/x", "lib"),
		"removed folders":                  gone("usr", "opt"),
		"removed between others":           all(gone("opt/z"), file("opt/b", "", 0o644), file("opt/~", "", 0o644)),
		"a file for a folder":              all(gone("usr/lib"), file("usr/lib", "", 0o644)),
		"a folder for a file":              all(gone("etc/passwd"), file("etc/passwd/x", "", 0o644)),
		"a folder for a link":              all(gone("lib"), file("lib/y", "", 0o644)),
		"a folder made again":              all(gone("usr/lib"), file("usr/lib/new", "", 0o644)),
		"another mode":                     file("usr/bin/sh", "#!", 0o700),
		"times that are not full seconds":  all(file("t", "", 0o644), times("t", time.Unix(1<<30, 999_999_999)), file("first", "", 0o644), times("first", time.Unix(0, 1))),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lower, upper := t.TempDir(), t.TempDir()
			below(t, lower)
			_, err := archive.Apply(t.Context(), upper, archive.Diff(t.Context(), "", lower))
			must(t, err)
			changes(t, upper)
			want, changed := layerOf(t, lower, upper)
			var got bytes.Buffer
			must(t, tree.Write(&got, tree.Layer{Changed: changed, Lower: lower, Upper: upper}))
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("the streams differ, of %d and %d bytes", got.Len(), len(want))
			}
		})
	}
}

func TestALayerWithNothingBelow(t *testing.T) {
	t.Parallel()
	upper := t.TempDir()
	below(t, upper)
	want, changed := layerOf(t, "", upper)
	var got bytes.Buffer
	must(t, tree.Write(&got, tree.Layer{Changed: changed}))
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the streams differ, of %d and %d bytes", got.Len(), len(want))
	}
}

// A file that changes while it is read must not make a stream that looks whole.
func TestAFolderThatIsMissingIsAnError(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	for name, l := range map[string]tree.Layer{
		"the layer": {Changed: filepath.Join(empty, "none")}, "what is below": {Changed: empty, Lower: filepath.Join(empty, "none"), Upper: empty},
		"what is above": {Changed: empty, Lower: empty, Upper: filepath.Join(empty, "none")},
	} {
		if err := tree.Write(&bytes.Buffer{}, l); err == nil {
			t.Errorf("%s is missing, and it is no error", name)
		}
	}
}

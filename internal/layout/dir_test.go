package layout_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/layout"
)

// tree lists the files of a folder, with their sizes.
func tree(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	files := map[string]int64{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		rel, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(rel)] = info.Size()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func named(t *testing.T, a *layout.Archive) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, img := range a.Images {
		for _, n := range img.Names {
			out[n.String()] = img.Root.Digest.String()
		}
	}
	return out
}

func TestAFolderHasTheContentOfTheArchive(t *testing.T) {
	s := newShelf(t)
	img := layout.Image{Root: s.app(), Names: names(t, "app:v1")}
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := writeOCIDir(t.Context(), dir, img, s); err != nil {
		t.Fatal(err)
	}
	files, _ := untar(t, writeOCI(t, img, s, nil))
	want := map[string]int64{}
	for name, body := range files {
		want[name] = int64(len(body))
	}
	if d := cmp.Diff(want, tree(t, dir)); d != "" {
		t.Error(d)
	}
}

func TestAFolderKeepsItsOtherImagesAndItsBlobs(t *testing.T) {
	s, dir := newShelf(t), t.TempDir()
	one, two, three := s.app(), s.image("amd64", "base", "two"), s.image("amd64", "three")
	for _, img := range []layout.Image{
		{Root: one, Names: names(t, "app:v1", "app:v2")}, {Root: two, Names: names(t, "app:v1", "other/app:v1")}, {Root: three}, {Root: three},
	} {
		if err := writeOCIDir(t.Context(), dir, img, s); err != nil {
			t.Fatal(err)
		}
	}
	a, err := layout.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	d1, d2 := one.Digest.String(), two.Digest.String()
	want := map[string]string{"docker.io/library/app:v1": d2, "docker.io/library/app:v2": d1, "docker.io/other/app:v1": d2}
	if d := cmp.Diff(want, named(t, a)); d != "" {
		t.Error(d)
	}
	if len(a.Images) != 3 || a.Images[2].Root.Digest != three.Digest {
		t.Errorf("the images are %v", a.Images)
	}
}

func TestAFailedWriteLeavesTheFolderAsItWas(t *testing.T) {
	s, dir := newShelf(t), t.TempDir()
	if err := writeOCIDir(t.Context(), dir, layout.Image{Root: s.image("amd64", "base"), Names: names(t, "app")}, s); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	img := layout.Image{Root: s.image("amd64", "base", "new", "broken"), Names: names(t, "app")}
	if err := writeOCIDir(t.Context(), dir, img, broken{s, diffIDOf("broken"), []byte("brOken")}); err == nil {
		t.Fatal("it takes a broken blob")
	}
	if d := cmp.Diff(before, tree(t, dir)); d != "" {
		t.Error(d)
	}
}

func TestAFileInThePlaceOfTheFolderIsRefused(t *testing.T) {
	s, file := newShelf(t), filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		if err := writeOCIDir(t.Context(), dir, layout.Image{Root: s.app()}, s); err == nil {
			t.Errorf("%s is taken", dir)
		}
	}
}

func TestSeveralWritersOfOneFolderTakeTurns(t *testing.T) {
	s, dir := newShelf(t), t.TempDir()
	all := []string{"a:1", "b:1", "c:1", "d:1", "e:1", "f:1"}
	var writers sync.WaitGroup
	for _, name := range all {
		img := layout.Image{Root: s.image("amd64", name), Names: names(t, name)}
		writers.Go(func() {
			if err := writeOCIDir(t.Context(), dir, img, s); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	a, err := layout.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Images) != len(all) {
		t.Errorf("of %d images %d are there", len(all), len(a.Images))
	}
}

func TestAWriterThatGivesUpTakesNothingFromAnotherOne(t *testing.T) {
	s := newShelf(t)
	root := s.app()
	alone := t.TempDir()
	if err := writeOCIDir(t.Context(), alone, layout.Image{Root: root, Names: names(t, "app:kept")}, s); err != nil {
		t.Fatal(err)
	}
	want := tree(t, alone)
	for name, order := range map[string]func(lost *layout.Staged, place func() error) error{
		"after it has named its image": func(lost *layout.Staged, place func() error) error {
			return firstError(place(), lost.Abort(t.Context()))
		},
		"before it has named its image": func(lost *layout.Staged, place func() error) error {
			return firstError(lost.Abort(t.Context()), place())
		},
	} {
		dir := filepath.Join(t.TempDir(), "layout")
		lost, err := layout.StageOCIDir(t.Context(), dir, layout.Image{Root: root, Names: names(t, "app:lost")}, s)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := layout.StageOCIDir(t.Context(), dir, layout.Image{Root: root, Names: names(t, "app:kept")}, s)
		if err != nil {
			t.Fatal(err)
		}
		if err := order(lost, func() error { return kept.Commit(t.Context()) }); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, tree(t, dir)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func firstError(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

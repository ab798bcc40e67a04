package layout_test

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/layout"
)

func diffIDOf(blob string) digest.Digest { return digest.FromString(blob) }

func file(t *testing.T, body []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.tar")
	if err := os.WriteFile(name, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func tarOf(t *testing.T, files ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: "./" + files[i], Mode: 0o644, Size: int64(len(files[i+1]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestWrittenContentIsReadWithTheSameDigests(t *testing.T) {
	s := newShelf(t)
	img := layout.Image{Root: s.app(), Names: names(t, "app:v1", "app:v2")}
	dir := t.TempDir()
	if err := writeOCIDir(t.Context(), dir, img, s); err != nil {
		t.Fatal(err)
	}
	want, err := layout.Read(t.Context(), img.Root, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, file(t, writeOCI(t, img, s, nil))} {
		a, err := layout.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.Pick("")
		if err != nil {
			t.Fatal(err)
		}
		if got.Root.Digest != img.Root.Digest || len(got.Names) != 2 || got.Names[1].String() != "docker.io/library/app:v2" {
			t.Errorf("it is %v", got)
		}
		graph, err := layout.Read(t.Context(), got.Root, a)
		if err != nil {
			t.Fatal(err)
		}
		graph.Nodes[0].Descriptor.Annotations = nil
		if d := cmp.Diff(want, graph); d != "" {
			t.Error(d)
		}
	}
}

func TestAFolderThatIsNotALayoutIsRefusedWithAReason(t *testing.T) {
	s := newShelf(t)
	whole := writeOCI(t, layout.Image{Root: s.app()}, s, nil)
	layoutFile := `{"imageLayoutVersion":"1.0.0"}`
	for name, c := range map[string]struct {
		path string
		want string
	}{
		"nothing":        {filepath.Join(t.TempDir(), "no.tar"), "no such file"},
		"an empty file":  {file(t, nil), "it is empty"},
		"text":           {file(t, []byte(strings.Repeat("hello, world\n", 100))), "not a tar archive"},
		"few words":      {file(t, []byte("hello")), "not a tar archive"},
		"cut short":      {file(t, whole[:len(whole)/2]), "cut short"},
		"gzip":           {file(t, []byte("\x1f\x8b\x08 and more")), "gzip -d"},
		"docker save":    {file(t, tarOf(t, "manifest.json", "[]")), "docker load"},
		"another tar":    {file(t, tarOf(t, "hello", "world")), "not an OCI image layout"},
		"another folder": {t.TempDir(), "not an OCI image layout"},
		"another layout": {file(t, tarOf(t, "oci-layout", `{"imageLayoutVersion":"2.0.0"}`)), "unknown version"},
		"no index":       {file(t, tarOf(t, "oci-layout", layoutFile)), "no index.json"},
		"a broken index": {file(t, tarOf(t, "oci-layout", layoutFile, "index.json", "{")), "index.json is broken"},
		"no image":       {file(t, tarOf(t, "oci-layout", layoutFile, "index.json", "{}")), "no image in it"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := layout.Open(t.Context(), c.path)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestOneOfSeveralImagesIsPickedByName(t *testing.T) {
	s, dir := newShelf(t), t.TempDir()
	one, two, three := s.app(), s.image("amd64", "two"), s.image("amd64", "three")
	for _, img := range []layout.Image{{Root: one, Names: names(t, "app:v1", "team/other:v1")}, {Root: two, Names: names(t, "app:v2", "x:v1")}, {Root: three}} {
		if err := writeOCIDir(t.Context(), dir, img, s); err != nil {
			t.Fatal(err)
		}
	}
	a, err := layout.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]digest.Digest{
		"app:v1": one.Digest, "docker.io/team/other:v1": one.Digest, "v2": two.Digest, "x:v1": two.Digest, three.Digest.String(): three.Digest,
	} {
		if got, err := a.Pick(name); err != nil || got.Root.Digest != want {
			t.Errorf("%q is %v, %v", name, got.Root.Digest, err)
		}
	}
	for name, want := range map[string]string{"": "holds 3 images (app:v1, ", "v1": "2 images \"v1\"", "nobody": "no image \"nobody\": it has app:v1"} {
		if _, err := a.Pick(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestAReferenceNameThatIsAFullNameCountsAndATagAloneDoesNot(t *testing.T) {
	s := newShelf(t)
	root := s.image("amd64", "one")
	for ref, want := range map[string]string{"docker.io/library/app:v1": "docker.io/library/app:v1", "app:v1": "docker.io/library/app:v1", "v1": ""} {
		root.Annotations = map[string]string{"org.opencontainers.image.ref.name": ref}
		a, err := layout.Open(t.Context(), file(t, writeOCI(t, layout.Image{Root: root}, s, nil)))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if len(a.Images[0].Names) > 0 {
			got = a.Images[0].Names[0].String()
		}
		if got != want {
			t.Errorf("%q is %q, not %q", ref, got, want)
		}
	}
}

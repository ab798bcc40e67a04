//go:build unix

package layout_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"

	"github.com/docker-multiarch/docker-multiarch/internal/layout"
)

// opened is the layout of an image in a folder, and the file of a blob in it.
func opened(t *testing.T, blob digest.Digest, root ocispecs.Descriptor, s shelf) (a *layout.Archive, name string) {
	t.Helper()
	dir := t.TempDir()
	if err := writeOCIDir(t.Context(), dir, layout.Image{Root: root}, s); err != nil {
		t.Fatal(err)
	}
	a, err := layout.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return a, filepath.Join(dir, "blobs", "sha256", blob.Encoded())
}

func TestABlobThatIsNoFileOfTheLayoutIsRefusedBeforeAByteIsRead(t *testing.T) {
	s := newShelf(t)
	root := s.image("amd64", "layer")
	layer := ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageLayerGzip, Digest: digest.FromString("layer"), Size: 5}
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("layer"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		put  func(name string) error
		want string
	}{
		"a pipe":             {func(name string) error { return syscall.Mkfifo(name, 0o600) }, "is not a file"},
		"a folder":           {func(name string) error { return os.Mkdir(name, 0o700) }, "is not a file"},
		"a link out":         {func(name string) error { return os.Symlink(outside, name) }, "leads out of the layout"},
		"a link out by ..":   {func(name string) error { return os.Symlink("../../../../../../../../../../"+outside, name) }, "leads out of the layout"},
		"a link to a device": {func(name string) error { return os.Symlink("/dev/zero", name) }, "leads out of the layout"},
		"a link to itself":   {func(name string) error { return os.Symlink(filepath.Base(name), name) }, ""},
		"a short file":       {func(name string) error { return os.WriteFile(name, []byte("la"), 0o600) }, "has 2 bytes, and its descriptor says 5"},
		"a long file":        {func(name string) error { return os.WriteFile(name, []byte("layers"), 0o600) }, "has 6 bytes, and its descriptor says 5"},
		"nothing":            {func(string) error { return nil }, "not found"},
		"the same within":    {func(name string) error { return os.WriteFile(name, []byte("layer"), 0o600) }, "-"},
		"a link within": {func(name string) error {
			return errors.Join(os.WriteFile(name+"x", []byte("layer"), 0o600), os.Symlink(filepath.Base(name)+"x", name))
		}, "-"},
		"other bytes, one length": {func(name string) error { return os.WriteFile(name, []byte("layre"), 0o600) }, "does not match its digest"},
	} {
		t.Run(name, func(t *testing.T) {
			a, file := opened(t, layer.Digest, root, s)
			if err := errors.Join(os.Remove(file), c.put(file)); err != nil {
				t.Fatal(err)
			}
			err := a.Check(t.Context(), layer)
			if (err == nil) != (c.want == "-") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
			if name == "nothing" && !errors.Is(err, errdef.ErrNotFound) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAnEmptyBlobIsWhole(t *testing.T) {
	s := newShelf(t)
	root := s.image("amd64", "layer")
	empty := ocispecs.Descriptor{Digest: digest.FromString("")}
	a, name := opened(t, empty.Digest, root, s)
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.Check(t.Context(), empty); err != nil {
		t.Error(err)
	}
}

func TestEntriesOfATarThatAreNoPlainFilesAreRefused(t *testing.T) {
	layer := ocispecs.Descriptor{Digest: digest.FromString("layer"), Size: 5}
	name := "blobs/sha256/" + layer.Digest.Encoded()
	index := `{"manifests":[{"mediaType":"` + ocispecs.MediaTypeImageManifest + `","digest":"` + layer.Digest.String() + `"}]}`
	files := []string{"oci-layout", `{"imageLayoutVersion":"1.0.0"}`, "index.json", index}
	for name, c := range map[string]struct {
		header tar.Header
		want   string
	}{
		"a file":           {tar.Header{Name: "/" + name, Size: 5}, "-"},
		"a link":           {tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: "/etc/shadow"}, "is not a file"},
		"a hard link":      {tar.Header{Name: "./" + name, Typeflag: tar.TypeLink, Linkname: "index.json"}, "is not a file"},
		"a pipe":           {tar.Header{Name: name, Typeflag: tar.TypeFifo}, "is not a file"},
		"a device":         {tar.Header{Name: name, Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 5}, "is not a file"},
		"an index.json":    {tar.Header{Name: "a/../index.json", Size: 5}, "two files index.json"},
		"something beside": {tar.Header{Name: "index.json.link", Typeflag: tar.TypeSymlink, Linkname: "index.json"}, "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			body := tarOf(t, files...)
			var extra bytes.Buffer
			w := tar.NewWriter(&extra)
			if err := w.WriteHeader(&c.header); err != nil {
				t.Fatal(err)
			}
			if c.header.Size > 0 {
				if _, err := io.WriteString(w, "layer"); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			a, err := layout.Open(t.Context(), file(t, append(extra.Bytes()[:extra.Len()-1024], body...)))
			if err == nil {
				err = a.Check(t.Context(), layer)
			}
			if (err == nil) != (c.want == "-") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestACompleteReadIsNotRepeated(t *testing.T) {
	s := newShelf(t)
	root := s.image("amd64", "layer", "other")
	layer := ocispecs.Descriptor{Digest: digest.FromString("layer"), Size: 5}
	for _, whole := range []bool{true, false} {
		a, name := opened(t, layer.Digest, root, s)
		rc, err := a.Fetch(t.Context(), layer)
		if err != nil {
			t.Fatal(err)
		}
		n := int64(5)
		if !whole {
			n = 4
		}
		if _, err := io.CopyN(io.Discard, rc, n); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(rc.Close(), os.Remove(name)); err != nil {
			t.Fatal(err)
		}
		if err := a.Check(t.Context(), layer); (err == nil) != whole {
			t.Errorf("read whole %t: %v", whole, err)
		}
		wrong := layer
		wrong.Size++
		if a.Check(t.Context(), wrong) == nil {
			t.Error("it is right for another size as well")
		}
	}
}

func TestReadingABlobEndsWithTheContext(t *testing.T) {
	s := newShelf(t)
	layer := ocispecs.Descriptor{Digest: digest.FromString("layer"), Size: 5}
	a, _ := opened(t, layer.Digest, s.image("amd64", "layer"), s)
	ctx, cancel := context.WithCancel(t.Context())
	rc, err := a.Fetch(ctx, layer)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	cancel()
	if _, err := io.ReadAll(rc); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := a.Check(ctx, layer); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestIndexesOfALayoutEndAtTheBound(t *testing.T) {
	s := newShelf(t)
	wide := s.image("amd64", "layer")
	for range 7 {
		var entries []ocispecs.Descriptor
		for range 30 {
			entries = append(entries, wide)
		}
		wide = s.index(entries...)
	}
	if _, err := layout.Read(t.Context(), wide, s); err != nil { // each digest once: 211 entries
		t.Error(err)
	}
	deep := s.image("amd64", "layer")
	for range 9 {
		deep = s.index(deep)
	}
	if _, err := layout.Read(t.Context(), deep, s); err == nil || !strings.Contains(err.Error(), "more than 8 nested indexes") {
		t.Errorf("deep: %v", err)
	}
	var halves []ocispecs.Descriptor
	for i := range 3 {
		var entries []ocispecs.Descriptor
		for range 400 {
			entries = append(entries, s.image("amd64", fmt.Sprint(i)))
		}
		halves = append(halves, s.index(entries...))
	}
	if _, err := layout.Read(t.Context(), s.index(halves...), s); err == nil || !strings.Contains(err.Error(), "more than 1000 entries in all") {
		t.Errorf("many: %v", err)
	}
}

func TestOneDigestWithTwoTagsAnswersToBoth(t *testing.T) {
	s := newShelf(t)
	root := s.image("amd64", "one")
	entry := func(annotations ...string) string {
		text := fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d,"annotations":{`, root.MediaType, root.Digest, root.Size)
		for i := 0; i < len(annotations); i += 2 {
			text += fmt.Sprintf("%q:%q,", annotations[i], annotations[i+1])
		}
		return strings.TrimSuffix(text, ",") + "}}"
	}
	const ref, full = ocispecs.AnnotationRefName, "io.containerd.image.name"
	body, err := content.FetchAll(t.Context(), s, root)
	if err != nil {
		t.Fatal(err)
	}
	index := `{"manifests":[` + strings.Join([]string{entry(ref, "v1"), entry(ref, "v2"), entry(full, "docker.io/library/app:v3", ref, "v3"), entry(ref, "other.example/x:v4")}, ",") + `]}`
	a, err := layout.Open(t.Context(), file(t, tarOf(t, "oci-layout", `{"imageLayoutVersion":"1.0.0"}`, "index.json", index, "blobs/sha256/"+root.Digest.Encoded(), string(body))))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "v1", "v2", "v3", "app:v3", "v4", "other.example/x:v4", root.Digest.String()} {
		if img, err := a.Pick(name); err != nil || img.Root.Digest != root.Digest {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := a.Pick("v5"); err == nil {
		t.Error("it answers to anything")
	}
	if len(a.Images) != 1 || len(a.Images[0].Names) != 2 {
		t.Errorf("%v", a.Images)
	}
}

// FuzzOpen makes a tar file, or a folder with these documents and a blob, and reads it.
func FuzzOpen(f *testing.F) {
	manifest := `{"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"` + digest.FromString("{}").String() + `","size":2},"layers":[]}`
	index := fmt.Sprintf(`{"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]}`, ocispecs.MediaTypeImageManifest, digest.FromString(manifest), len(manifest))
	f.Add([]byte(`{"imageLayoutVersion":"1.0.0"}`), []byte(index), []byte(manifest), false)
	f.Add([]byte(`{"imageLayoutVersion":"1.0.0"}`), []byte(index), []byte(manifest), true)
	f.Add([]byte("not ustar"), []byte(`{"manifests":[{"size":-5}]}`), []byte{}, true)
	f.Fuzz(func(t *testing.T, version, index, blob []byte, raw bool) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		blobs := filepath.Join("blobs", "sha256")
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, blobs), 0o700); err != nil {
			t.Fatal(err)
		}
		parts := map[string][]byte{
			"oci-layout": version, "index.json": index, filepath.Join(blobs, digest.FromBytes(blob).Encoded()): blob,
			filepath.Join(blobs, digest.FromString("{}").Encoded()): []byte("{}"),
		}
		var packed bytes.Buffer
		w := tar.NewWriter(&packed)
		for name, body := range parts {
			if err := os.WriteFile(filepath.Join(dir, name), body, 0o600); err != nil {
				t.Fatal(err)
			}
			_ = w.WriteHeader(&tar.Header{Name: name, Size: int64(len(body))})
			_, _ = w.Write(body)
		}
		_ = w.Close()
		if raw { // the bytes of the tar itself
			packed.Reset()
			packed.Write(append(append(append([]byte{}, version...), index...), blob...))
		}
		if err := os.WriteFile(dir+".tar", packed.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(dir + ".tar")
		for _, path := range []string{dir, dir + ".tar"} {
			a, err := layout.Open(ctx, path)
			if err != nil {
				continue
			}
			for _, img := range a.Images {
				if graph, err := layout.Read(ctx, img.Root, a); err == nil {
					_ = a.Check(ctx, graph.Blobs...)
				}
			}
		}
	})
}

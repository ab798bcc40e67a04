package layout_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/layout"
)

// untar returns the files of a stream by name, and their names in order. Every blob must match its name.
func untar(t *testing.T, stream []byte) (map[string]string, []string) {
	t.Helper()
	files, order := map[string]string{}, []string{}
	for r := tar.NewReader(bytes.NewReader(stream)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, order
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if hex, ok := strings.CutPrefix(h.Name, "blobs/sha256/"); ok && digest.FromBytes(body).Encoded() != hex {
			t.Errorf("%s holds %q", h.Name, body)
		}
		if _, twice := files[h.Name]; twice || !h.ModTime.IsZero() && h.ModTime.Unix() != 0 {
			t.Errorf("%s: twice %t, time %s", h.Name, twice, h.ModTime)
		}
		files[h.Name], order = string(body), append(order, h.Name)
	}
}

func writeOCI(t *testing.T, img layout.Image, blobs content.Fetcher, skip func(ocispecs.Descriptor) bool) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := layout.WriteOCI(t.Context(), &out, img, blobs, skip); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func blob(body string) string { return "blobs/sha256/" + digest.FromString(body).Encoded() }

func TestAnArchiveHoldsTheWholeImageOnceAndNamesIt(t *testing.T) {
	s := newShelf(t)
	root := s.app()
	img := layout.Image{Root: root, Names: names(t, "app:v1", "localhost:5000/team/app:v2", "docker.io/library/app:v1")}
	stream := writeOCI(t, img, s, nil)
	files, order := untar(t, stream)
	want := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[` +
		entryJSON(root, "docker.io/library/app:v1", "v1") + "," + entryJSON(root, "localhost:5000/team/app:v2", "v2") + `]}`
	if d := cmp.Diff(want, files["index.json"]); d != "" {
		t.Error(d)
	}
	if files["oci-layout"] != `{"imageLayoutVersion":"1.0.0"}` || !slices.Equal(order[:2], []string{"oci-layout", "index.json"}) {
		t.Errorf("oci-layout is %s; the order is %q", files["oci-layout"], order)
	}
	// 1 index, 3 manifests, 2 + 1 configurations, 3 + 1 layers
	if len(order) != 2+11 || files[blob("base")] != "base" {
		t.Errorf("%d files: %q", len(order), order)
	}
	if again := writeOCI(t, img, s, nil); !bytes.Equal(stream, again) {
		t.Error("the second archive has other bytes")
	}
}

func entryJSON(d ocispecs.Descriptor, name, ref string) string {
	d.Annotations = map[string]string{"io.containerd.image.name": name, "org.opencontainers.image.ref.name": ref}
	body, _ := json.Marshal(d)
	return string(body)
}

func TestAnnotationsOfTheRootGoIntoIndexJSONBesideTheNames(t *testing.T) {
	s := newShelf(t)
	root := s.image("amd64", "one")
	root.Annotations = map[string]string{"who": "me"}
	files, _ := untar(t, writeOCI(t, layout.Image{Root: root, Names: names(t, "app")}, s, nil))
	var index ocispecs.Index
	if err := json.Unmarshal([]byte(files["index.json"]), &index); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"who": "me", "io.containerd.image.name": "docker.io/library/app:latest", "org.opencontainers.image.ref.name": "latest",
	}
	if d := cmp.Diff(want, index.Manifests[0].Annotations); d != "" {
		t.Error(d)
	}
	if len(root.Annotations) != 1 {
		t.Error("the caller's annotations have changed")
	}
}

func TestSkippedBlobsAreLeftOut(t *testing.T) {
	s := newShelf(t)
	root := s.app()
	base := digest.FromString("base")
	files, _ := untar(t, writeOCI(t, layout.Image{Root: root}, s, func(d ocispecs.Descriptor) bool {
		return d.Digest == base || d.Digest == root.Digest
	}))
	if files[blob("base")] != "" || files["blobs/sha256/"+root.Digest.Encoded()] != "" || files[blob("arm64 app")] == "" {
		t.Errorf("it holds %d files", len(files))
	}
}

func TestABlobThatDoesNotMatchItsDigestEndsTheWriting(t *testing.T) {
	for name, bad := range map[string]string{"other": "bAse", "short": "bas", "long": "base and more"} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			from := broken{s, digest.FromString("base"), []byte(bad)}
			err := layout.WriteOCI(t.Context(), io.Discard, layout.Image{Root: s.app()}, from, nil)
			if err == nil || !strings.Contains(err.Error(), digest.FromString("base").String()) {
				t.Errorf("got %v", err)
			}
			dir := filepath.Join(t.TempDir(), "new", "layout")
			if err := writeOCIDir(t.Context(), dir, layout.Image{Root: s.app()}, from); err == nil {
				t.Error("a folder takes it")
			}
			if _, err := os.Stat(filepath.Dir(dir)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("something is left: %v", err)
			}
		})
	}
}

func TestABlobThatIsMissingIsNamed(t *testing.T) {
	s := newShelf(t)
	root := s.index(ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageManifest, Digest: digest.FromString("gone"), Size: 4})
	err := layout.WriteOCI(t.Context(), io.Discard, layout.Image{Root: root}, s, nil)
	if err == nil || !strings.Contains(err.Error(), digest.FromString("gone").String()) {
		t.Errorf("got %v", err)
	}
}

func TestACancelledContextEndsTheWriting(t *testing.T) {
	s := newShelf(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	err := layout.WriteOCI(ctx, writerFunc(func(p []byte) (int, error) {
		cancel(why)
		return len(p), nil
	}), layout.Image{Root: s.app()}, s, nil)
	if !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestADockerArchiveIsReadableByOldAndNewEngines(t *testing.T) {
	s := newShelf(t)
	amd, arm := s.image("amd64", "base", "amd64 app"), s.image("arm64", "base", "arm64 app")
	var out bytes.Buffer
	chains := map[digest.Digest]bool{}
	err := layout.WriteDocker(t.Context(), &out, []layout.DockerImage{
		{Manifest: amd, Names: names(t, "app:v1")}, {Manifest: arm, Names: names(t, "localhost:5000/app:v1-linux-arm64")},
	}, s, func(l ocispecs.Descriptor, chain digest.Digest) bool {
		chains[chain] = true
		return l.Digest == digest.FromString("base")
	})
	if err != nil {
		t.Fatal(err)
	}
	files, _ := untar(t, out.Bytes())
	var saved []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := json.Unmarshal([]byte(files["manifest.json"]), &saved); err != nil {
		t.Fatal(err)
	}
	if len(saved) != 2 || files[saved[0].Config] == "" || saved[1].RepoTags[0] != "localhost:5000/app:v1-linux-arm64" || saved[0].RepoTags[0] != "app:v1" {
		t.Errorf("manifest.json is %s", files["manifest.json"])
	}
	if d := cmp.Diff([]string{blob("base"), blob("amd64 app")}, saved[0].Layers); d != "" {
		t.Error(d)
	}
	if files[blob("base")] != "" || files[blob("amd64 app")] == "" || files[blob("arm64 app")] == "" {
		t.Error("not the layers that were not skipped")
	}
	if second := digest.FromString(diffID("base").String() + " " + diffID("amd64 app").String()); !chains[diffID("base")] || !chains[second] {
		t.Errorf("the chains are %v", chains)
	}
}

func TestADockerArchiveRefusesAnIndex(t *testing.T) {
	s := newShelf(t)
	err := layout.WriteDocker(t.Context(), io.Discard, []layout.DockerImage{{Manifest: s.app()}}, s, nil)
	if err == nil || !strings.Contains(err.Error(), "one platform only") {
		t.Errorf("got %v", err)
	}
}

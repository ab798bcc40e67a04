package localbase

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// entry is a file of a stream; to makes it a link.
type entry struct {
	name, body, to string
	kind           byte
}

func stream(t *testing.T, entries ...entry) *bytes.Buffer {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Linkname: e.to, Typeflag: e.kind, Size: int64(len(e.body)), Mode: 0o644}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &buf
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// config is an image's configuration with these layers.
func config(t *testing.T, arch string, layers ...string) string {
	t.Helper()
	img := ocispecs.Image{Platform: ocispecs.Platform{OS: "linux", Architecture: arch}}
	for _, l := range layers {
		img.RootFS.DiffIDs = append(img.RootFS.DiffIDs, digest.FromString(l))
	}
	return marshal(t, img)
}

func read(t *testing.T, base Base, d digest.Digest, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(base.Dir, "blobs", "sha256", d.Encoded()))
	if err != nil || digest.FromBytes(data) != d {
		t.Fatalf("%s: %v", d, err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

func TestADockerArchiveBecomesALayoutThatKeepsItsConfigurationAndLayers(t *testing.T) {
	cfg := config(t, "amd64", "one", "two", "one")
	// Engine 20.10 writes a layer that occurs twice once, and links to it.
	base, err := Read(stream(t,
		entry{name: "c.json", body: cfg},
		entry{name: "a/", kind: tar.TypeDir},
		entry{name: "a/VERSION", body: "1.0"},
		entry{name: "a/layer.tar", body: "one"},
		entry{name: "b/layer.tar", body: "two"},
		entry{name: "c/layer.tar", to: "../a/layer.tar", kind: tar.TypeSymlink},
		entry{name: "manifest.json", body: `[{"Config":"c.json","RepoTags":["base:1"],"Layers":["a/layer.tar","b/layer.tar","c/layer.tar"]}]`},
	), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var m ocispecs.Manifest
	read(t, base, base.Root.Digest, &m)
	if m.Config.Digest != digest.FromString(cfg) || m.Config.MediaType != ocispecs.MediaTypeImageConfig || m.Config.Size != int64(len(cfg)) {
		t.Errorf("configuration %+v", m.Config)
	}
	var layers []digest.Digest
	for _, l := range m.Layers {
		layers = append(layers, l.Digest)
		if l.MediaType != ocispecs.MediaTypeImageLayer || l.Size != 3 {
			t.Errorf("%+v", l)
		}
	}
	if diff := cmp.Diff([]digest.Digest{digest.FromString("one"), digest.FromString("two"), digest.FromString("one")}, layers); diff != "" {
		t.Errorf("layers (-want +got):\n%s", diff)
	}
	if len(base.Platforms) != 1 || platform.Format(base.Platforms[0]) != "linux/amd64" {
		t.Errorf("platforms %v", base.Platforms)
	}
	var index ocispecs.Index
	data, err := os.ReadFile(filepath.Join(base.Dir, "index.json"))
	if err != nil || json.Unmarshal(data, &index) != nil || index.Manifests[0].Digest != base.Root.Digest {
		t.Errorf("index.json: %s, %v", data, err)
	}
}

// whole returns the blobs of one platform's image, and its descriptor.
func whole(t *testing.T, arch string) (desc ocispecs.Descriptor, blobs []entry) {
	t.Helper()
	cfg, layer := config(t, arch, "layer of "+arch), "layer of "+arch
	blob := func(mediaType, body string) ocispecs.Descriptor {
		d := ocispecs.Descriptor{MediaType: mediaType, Digest: digest.FromString(body), Size: int64(len(body))}
		blobs = append(blobs, entry{name: "blobs/sha256/" + d.Digest.Encoded(), body: body})
		return d
	}
	m := ocispecs.Manifest{
		MediaType: ocispecs.MediaTypeImageManifest, Config: blob(ocispecs.MediaTypeImageConfig, cfg),
		Layers: []ocispecs.Descriptor{blob(ocispecs.MediaTypeImageLayerGzip, layer)},
	}
	desc = blob(ocispecs.MediaTypeImageManifest, marshal(t, m))
	desc.Platform = &ocispecs.Platform{OS: "linux", Architecture: arch}
	return desc, blobs
}

func TestALayoutKeepsItsIndexAndTellsThePlatformsThatAreWhole(t *testing.T) {
	amd64, blobs := whole(t, "amd64")
	arm64, more := whole(t, "arm64")
	s390x, rest := whole(t, "s390x")
	attested, statement := whole(t, "unknown")
	attested.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest"}
	missing := ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageManifest, Digest: digest.FromString("x"), Size: 1}
	index := marshal(t, ocispecs.Index{MediaType: ocispecs.MediaTypeImageIndex, Manifests: []ocispecs.Descriptor{amd64, arm64, s390x, missing, attested}})
	root := ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageIndex, Digest: digest.FromString(index), Size: int64(len(index))}
	entries := append(append(append(blobs, more...), rest[1:]...), statement...) // s390x has lost its configuration
	entries = append(entries, entry{name: "blobs/sha256/" + root.Digest.Encoded(), body: index},
		entry{name: "index.json", body: marshal(t, ocispecs.Index{Manifests: []ocispecs.Descriptor{root}})},
		entry{name: "manifest.json", body: "[]"}, entry{name: "oci-layout", body: "{}"})
	base, err := Read(stream(t, entries...), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if base.Root.Digest != root.Digest {
		t.Errorf("root %s, want %s", base.Root.Digest, root.Digest)
	}
	var names []string
	for _, p := range base.Platforms {
		names = append(names, platform.Format(p))
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAStreamThatIsNoImageIsAnError(t *testing.T) {
	cfg := config(t, "amd64", "one")
	for name, tt := range map[string]struct {
		entries []entry
		want    string
	}{
		"nothing":                 {nil, "manifest.json names 0 images"},
		"two images":              {[]entry{{name: "manifest.json", body: "[{},{}]"}}, "names 2 images"},
		"a root without a digest": {[]entry{{name: "index.json", body: `{"manifests":[{"mediaType":"text/plain"}]}`}}, "digest"},
		"a root that is not there": {[]entry{{
			name: "index.json", body: `{"manifests":[{"mediaType":"text/plain","digest":"` + digest.FromString("gone").String() + `","size":4}]}`,
		}}, "not in the archive"},
		"two roots":                    {[]entry{{name: "index.json", body: `{"manifests":[{},{}]}`}}, "names 2 images"},
		"no configuration":             {[]entry{{name: "manifest.json", body: `[{"Config":"c.json"}]`}}, "c.json is not there"},
		"a configuration that is none": {[]entry{{name: "c.json", body: "x"}, {name: "manifest.json", body: `[{"Config":"c.json"}]`}}, "invalid character"},
		"a layer too few":              {[]entry{{name: "c.json", body: cfg}, {name: "manifest.json", body: `[{"Config":"c.json"}]`}}, "0 layers, and its configuration 1"},
		"another layer": {
			[]entry{{name: "c.json", body: cfg}, {name: "l", body: "two"}, {name: "manifest.json", body: `[{"Config":"c.json","Layers":["l"]}]`}}, "layer 1 is sha256:",
		},
		"a digest that leads elsewhere": {
			[]entry{{name: "index.json", body: `{"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:../../etc/passwd"}]}`}}, "digest",
		},
	} {
		if _, err := Read(stream(t, tt.entries...), t.TempDir()); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
	if _, err := Read(strings.NewReader("no tar"), t.TempDir()); err == nil {
		t.Error("text is taken for an archive")
	}
}

func TestNamesInAStreamLeadNowhere(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "layout")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	_, _ = Read(stream(t, entry{name: "../escaped", body: "x"}, entry{name: "/escaped", body: "x"}, entry{name: "link", to: "/etc", kind: tar.TypeSymlink}), dir)
	names, err := os.ReadDir(outer)
	if err != nil || len(names) != 1 {
		t.Errorf("%v, %v", names, err)
	}
}

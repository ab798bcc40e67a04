package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/layout"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// imageMaker makes images for the commands that inspect images.
type imageMaker struct {
	*memory.Store
	s *harness
}

func (s *harness) imageMaker() imageMaker { return imageMaker{memory.New(), s} }

func (b imageMaker) put(mediaType string, v any) ocispecs.Descriptor {
	b.s.T.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		b.s.T.Fatal(err)
	}
	return b.bytes(mediaType, body)
}

// layer returns the descriptor of a layer with one file.
func (b imageMaker) layer(path, text string) ocispecs.Descriptor {
	b.s.T.Helper()
	return b.bytes(ocispecs.MediaTypeImageLayer, b.tar(path, text))
}

// tar returns an archive with one file.
func (b imageMaker) tar(path, text string) []byte {
	b.s.T.Helper()
	var body bytes.Buffer
	w := tar.NewWriter(&body)
	err := w.WriteHeader(&tar.Header{Name: path, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg})
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		b.s.T.Fatal(err)
	}
	return body.Bytes()
}

func (b imageMaker) bytes(mediaType string, body []byte) ocispecs.Descriptor {
	b.s.T.Helper()
	desc := content.NewDescriptorFromBytes(mediaType, body)
	if ok, _ := b.Exists(b.s.T.Context(), desc); !ok {
		if err := b.Push(b.s.T.Context(), desc, bytes.NewReader(body)); err != nil {
			b.s.T.Fatal(err)
		}
	}
	return desc
}

// image returns an index's entry for a platform. change may be nil.
func (b imageMaker) image(name string, change func(*ocispecs.Manifest, *ocispecs.Image)) ocispecs.Descriptor {
	b.s.T.Helper()
	ps, _, err := platform.Parse(name)
	if err != nil {
		b.s.T.Fatal(err)
	}
	created := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	layer := b.layer("file", "files of "+name)
	config := ocispecs.Image{
		Platform: ps[0], Created: &created, RootFS: ocispecs.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}},
		Config: ocispecs.ImageConfig{Env: []string{"A=1"}},
	}
	m := ocispecs.Manifest{MediaType: ocispecs.MediaTypeImageManifest, Layers: []ocispecs.Descriptor{layer}, Annotations: map[string]string{
		ocispecs.AnnotationBaseImageName: "docker.io/library/busybox:1", ocispecs.AnnotationBaseImageDigest: digest.FromString("base").String(),
	}}
	m.SchemaVersion = 2
	if change != nil {
		change(&m, &config)
	}
	m.Config = b.put(ocispecs.MediaTypeImageConfig, config)
	desc := b.put(ocispecs.MediaTypeImageManifest, m)
	desc.Platform = &ps[0]
	return desc
}

func (b imageMaker) attestation(of ocispecs.Descriptor) ocispecs.Descriptor {
	statement := b.put("application/vnd.in-toto+json", "about "+of.Digest.String())
	statement.Annotations = map[string]string{"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"}
	m := ocispecs.Manifest{
		MediaType: ocispecs.MediaTypeImageManifest, Layers: []ocispecs.Descriptor{statement},
		Config: b.put(ocispecs.MediaTypeImageConfig, ocispecs.Image{Platform: ocispecs.Platform{OS: "unknown", Architecture: "unknown"}}),
	}
	m.SchemaVersion = 2
	desc := b.put(ocispecs.MediaTypeImageManifest, m)
	desc.Platform = &ocispecs.Platform{OS: "unknown", Architecture: "unknown"}
	desc.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": of.Digest.String()}
	return desc
}

func (b imageMaker) index(entries ...ocispecs.Descriptor) ocispecs.Descriptor {
	index := ocispecs.Index{MediaType: ocispecs.MediaTypeImageIndex, Manifests: entries, Annotations: map[string]string{"com.example.made": "here"}}
	index.SchemaVersion = 2
	return b.put(ocispecs.MediaTypeImageIndex, index)
}

// archive writes an image to a file.
func (b imageMaker) archive(file string, root ocispecs.Descriptor) {
	b.s.T.Helper()
	var out bytes.Buffer
	if err := layout.WriteOCI(b.s.T.Context(), &out, layout.Image{Root: root}, b.Store, nil); err != nil {
		b.s.T.Fatal(err)
	}
	b.s.Write(file, out.String())
}

// publish puts an image into the registry.
func (b imageMaker) publish(name string, root ocispecs.Descriptor) {
	b.s.T.Helper()
	b.archive("publish.tar", root)
	if rc := b.s.Command("push", "-q", "publish.tar", name); rc != 0 {
		b.s.T.Fatalf("status %d: %s", rc, &b.s.Err)
	}
	b.s.Out, b.s.Err = clitest.Buffer{}, clitest.Buffer{}
}

// replaced returns the content of a file with from replaced by to.
func replaced(t *testing.T, file, from, to string) string {
	t.Helper()
	body, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(body, []byte(from)) {
		t.Fatalf("%s has no %q: %v", file, from, err)
	}
	return strings.Replace(string(body), from, to, 1)
}

// unpackTar writes the files of a tar into a folder.
func unpackTar(name, dir string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		path := filepath.Join(dir, filepath.FromSlash(header.Name))
		if header.Typeflag == tar.TypeDir {
			continue
		}
		body, err := io.ReadAll(r)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, body, 0o600)); err != nil {
			return err
		}
	}
}

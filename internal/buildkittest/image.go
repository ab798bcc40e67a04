package buildkittest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// image is the result of a platform's solve: one layer, the frontend's configuration, and the manifest.
type image struct {
	mediaType               string
	layer, config, manifest []byte
}

// blob is a blob of an image, and the word that BuildKit uses for its kind when it copies it.
type blob struct {
	kind string
	desc ocispecs.Descriptor
	data []byte
}

func newBlob(kind, mediaType string, data []byte) blob {
	return blob{kind, ocispecs.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}, data}
}

// image makes the image by the exporter's attributes. The builder keeps it.
func (j *job) image(attrs map[string]string, config []byte) (image, error) {
	types := []string{ocispecs.MediaTypeImageManifest, ocispecs.MediaTypeImageConfig, ocispecs.MediaTypeImageLayerGzip}
	if attrs["oci-mediatypes"] == "false" {
		docker := "application/vnd.docker."
		types = []string{docker + "distribution.manifest.v2+json", docker + "container.image.v1+json", docker + "image.rootfs.diff.tar.gzip"}
	}
	layer, err := oneFile("platform", platform.Format(j.Platform))
	if j.builder.Layer != nil {
		layer = j.builder.Layer(j.Platform)
	}
	if err != nil {
		return image{}, err
	}
	var img ocispecs.Image // the exporter knows the layers, the frontend does not
	if err := json.Unmarshal(config, &img); err != nil {
		return image{}, err
	}
	img.RootFS = ocispecs.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromBytes(layer)}}
	config, err = json.Marshal(img)
	if err != nil {
		return image{}, err
	}
	m := ocispecs.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: types[0]}
	m.Config = newBlob("config", types[1], config).desc
	m.Layers = []ocispecs.Descriptor{newBlob("layer", types[2], layer).desc}
	for k, v := range attrs {
		if key, ok := strings.CutPrefix(k, "annotation."); ok {
			if m.Annotations == nil {
				m.Annotations = map[string]string{}
			}
			m.Annotations[key] = v
		}
	}
	body, err := json.Marshal(m)
	if err != nil {
		return image{}, err
	}
	j.builder.mu.Lock()
	defer j.builder.mu.Unlock()
	j.builder.layers[digest.FromBytes(layer)] = layer
	j.builder.documents[digest.FromBytes(config)], j.builder.documents[digest.FromBytes(body)] = config, body
	return image{types[0], layer, config, body}, nil
}

// oneFile is a layer with one file.
func oneFile(name, content string) ([]byte, error) {
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	files := tar.NewWriter(zipped)
	err := files.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))})
	if err == nil {
		_, err = files.Write([]byte(content))
	}
	err = errors.Join(err, files.Close(), zipped.Close())
	return packed.Bytes(), err
}

// blobs returns them in the order in which BuildKit copies them: the manifest last.
func (i image) blobs() []blob {
	return []blob{newBlob("layer", "", i.layer), newBlob("config", "", i.config), newBlob("manifest", i.mediaType, i.manifest)}
}

// attest makes BuildKit's result for an image with attestations: an index of it and of a manifest about it, whose statement has
// the arguments of the build.
func attest(subject ocispecs.Descriptor, args map[string]string) (more []blob, root ocispecs.Descriptor, err error) {
	told, err := json.Marshal(map[string]any{"about": subject.Digest, "args": args})
	if err != nil {
		return nil, root, err
	}
	statement := newBlob("intoto", "application/vnd.in-toto+json", told)
	empty := newBlob("config", ocispecs.MediaTypeEmptyJSON, []byte("{}"))
	body, err := json.Marshal(ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest,
		Config: empty.desc, Layers: []ocispecs.Descriptor{statement.desc}, Subject: &subject,
	})
	if err != nil {
		return nil, root, err
	}
	about := newBlob("manifest", ocispecs.MediaTypeImageManifest, body)
	about.desc.Platform = &ocispecs.Platform{OS: "unknown", Architecture: "unknown"}
	about.desc.Annotations = map[string]string{
		"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": subject.Digest.String(),
	}
	body, err = json.Marshal(ocispecs.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageIndex, Manifests: []ocispecs.Descriptor{subject, about.desc},
	})
	index := newBlob("index", ocispecs.MediaTypeImageIndex, body)
	return []blob{statement, empty, about, index}, index.desc, err
}

// root is the descriptor of the manifest.
func (i image) root() ocispecs.Descriptor {
	return newBlob("manifest", i.mediaType, i.manifest).desc
}

// report adds to a solve's response what it has exported.
func report(resp map[string]string, root ocispecs.Descriptor) error {
	data, err := json.Marshal(root)
	resp[exptypes.ExporterImageDigestKey], resp[exptypes.ExporterImageDescriptorKey] = root.Digest.String(), base64.StdEncoding.EncodeToString(data)
	return err
}

// Fetch implements content.Fetcher of oras-go: all images that were made.
func (b *Builder) Fetch(_ context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if data, ok := b.documents[desc.Digest]; ok {
		return io.NopCloser(bytes.NewReader(data)), nil
	}
	data, ok := b.layers[desc.Digest]
	if !ok {
		return nil, fmt.Errorf("%s: %w", desc.Digest, errdefs.ErrNotFound)
	}
	b.fetched++
	return io.NopCloser(bytes.NewReader(data)), nil
}

// Fetched counts how many layers were read.
func (b *Builder) Fetched() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fetched
}

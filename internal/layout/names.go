package layout

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/distribution/reference"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// annotationImageName holds an image's full name in index.json, for containerd and engines that keep images in it
// (https://pkg.go.dev/github.com/containerd/containerd/v2/core/images#AnnotationImageName).
const annotationImageName = "io.containerd.image.name"

// Image is a finished image, to be written.
type Image struct {
	// Root is the index or the manifest. Its annotations go into index.json, nowhere else.
	Root ocispecs.Descriptor
	// Names are the image's names in the layout, each as a descriptor of its own. There may be none.
	Names []reference.NamedTagged

	refs []string // the reference names of an image that was read, or of one without names; most of them are tags
}

// entries returns the image's descriptors in index.json. The tag is the reference name, as other tools expect, and the full name
// is beside it, as in containerd's exporter.
func (img Image) entries() []ocispecs.Descriptor {
	var entries []ocispecs.Descriptor
	if len(img.Names) == 0 {
		for _, ref := range img.refs {
			entries = append(entries, entry(img.Root, map[string]string{ocispecs.AnnotationRefName: ref}))
		}
		if len(entries) == 0 {
			entries = append(entries, entry(img.Root, nil))
		}
		return entries
	}
	seen := map[string]bool{}
	for _, name := range img.Names {
		if seen[name.String()] {
			continue
		}
		seen[name.String()] = true
		entries = append(entries, entry(img.Root, map[string]string{
			annotationImageName: name.String(), ocispecs.AnnotationRefName: name.Tag(),
		}))
	}
	return entries
}

func entry(root ocispecs.Descriptor, names map[string]string) ocispecs.Descriptor {
	annotations := maps.Clone(root.Annotations)
	if annotations == nil {
		annotations = names
	} else {
		maps.Copy(annotations, names)
	}
	return ocispecs.Descriptor{
		MediaType: root.MediaType, Digest: root.Digest, Size: root.Size, Platform: root.Platform, Annotations: annotations,
	}
}

// indexJSON returns the content of index.json.
func indexJSON(entries []ocispecs.Descriptor) ([]byte, error) {
	body, err := json.Marshal(ocispecs.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageIndex, Manifests: entries,
	})
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", ocispecs.ImageIndexFile, err)
	}
	return body, nil
}

// layoutJSON returns the content of oci-layout.
func layoutJSON() []byte {
	return []byte(`{"imageLayoutVersion":"` + ocispecs.ImageLayoutVersion + `"}`)
}

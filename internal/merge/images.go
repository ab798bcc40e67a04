package merge

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"

	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// in tells whether a repository is known to have the image, as it is to be.
func (e entry) in(repo reference.Named) bool {
	return !e.converted && e.from.Repo != nil && e.from.Repo.Name() == repo.Name()
}

// blobs are the configurations and layers of the image and of its attestations.
func (e entry) blobs() []ocispecs.Descriptor {
	all := append([]ocispecs.Descriptor{e.Manifest.Config}, e.Manifest.Layers...)
	for _, a := range e.Attestations {
		all = append(append(all, a.Manifest.Config), a.Manifest.Layers...)
	}
	return all
}

// blobs are all documents of an index, read already, and who has the rest. It is an oras-go content.Fetcher.
type blobs struct {
	documents map[digest.Digest][]byte
	from      map[digest.Digest]content.Fetcher
}

func newBlobs(all []entry, index digest.Digest, body []byte) blobs {
	b := blobs{documents: map[digest.Digest][]byte{index: body}, from: map[digest.Digest]content.Fetcher{}}
	for _, e := range all {
		b.documents[e.Descriptor.Digest] = e.Body
		b.documents[e.Manifest.Config.Digest] = e.ConfigBody
		for _, a := range e.Attestations {
			b.documents[a.Descriptor.Digest] = a.Body
		}
		for _, desc := range e.blobs() {
			b.from[desc.Digest] = e.from.Blobs
		}
	}
	return b
}

// Fetch implements content.Fetcher.
func (b blobs) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	if body := b.documents[desc.Digest]; body != nil {
		return io.NopCloser(bytes.NewReader(body)), nil
	}
	if from, ok := b.from[desc.Digest]; ok {
		return from.Fetch(ctx, desc)
	}
	return nil, fmt.Errorf("%s: %w", desc.Digest, errdef.ErrNotFound)
}

// annotate adds the annotations of the entries. Those of an entry that is there already are not changed in place.
func (p plan) annotate() {
	for _, forOne := range []bool{false, true} { // one for a platform wins over one for all
		for _, a := range p.req.Annotations {
			if a.OnIndex || (a.Platform != nil) != forOne {
				continue
			}
			for i := range p.all {
				e := &p.all[i]
				if a.Platform == nil || platform.Equal(*a.Platform, e.platform()) {
					e.Descriptor.Annotations = with(e.Descriptor.Annotations, a)
				}
			}
		}
	}
}

// indexAnnotations are those of the index: what the tag had, or the only input, and what was asked for.
func (p plan) indexAnnotations(base *Input) map[string]string {
	var annotations map[string]string
	switch {
	case base != nil:
		annotations = base.Tree.Annotations
	case len(p.req.Inputs) == 1:
		annotations = p.req.Inputs[0].Tree.Annotations
	}
	for _, a := range p.req.Annotations {
		if a.OnIndex {
			annotations = with(annotations, a)
		}
	}
	return p.stillMissing(annotations, base)
}

// stillMissing keeps true what builds have said that their indexes lack.
func (p plan) stillMissing(annotations map[string]string, base *Input) map[string]string {
	inputs := p.req.Inputs
	if base != nil {
		inputs = append(slices.Clone(inputs), *base)
	}
	var missing []string
	for _, in := range inputs {
		for name := range strings.SplitSeq(in.Tree.Annotations[manifest.MissingPlatforms], ",") {
			there := slices.ContainsFunc(p.all, func(e entry) bool { return platform.Format(e.platform()) == name })
			if name != "" && !there && !slices.Contains(missing, name) {
				missing = append(missing, name)
			}
		}
	}
	if len(missing) > 0 {
		return with(annotations, Annotation{Key: manifest.MissingPlatforms, Value: strings.Join(missing, ",")})
	}
	if _, ok := annotations[manifest.MissingPlatforms]; ok {
		annotations = maps.Clone(annotations)
		delete(annotations, manifest.MissingPlatforms)
	}
	return annotations
}

// with is a copy with one more.
func with(annotations map[string]string, a Annotation) map[string]string {
	more := maps.Clone(annotations)
	if more == nil {
		more = map[string]string{}
	}
	more[a.Key] = a.Value
	return more
}

// images describe the entries, in the order of the index.
func (p plan) images() []Image {
	var all []Image
	for _, e := range p.all {
		img := Image{
			Platform: e.platform(), Manifest: e.Descriptor, Config: e.Manifest.Config.Digest, Size: e.Size(), From: e.from.Name,
			Kept: e.kept,
		}
		for _, a := range e.Attestations {
			img.Attestations = append(img.Attestations, a.Descriptor)
		}
		all = append(all, img)
	}
	slices.SortFunc(all, func(a, b Image) int { return platform.Compare(a.Platform, b.Platform) })
	return all
}

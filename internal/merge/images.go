package merge

import (
	"maps"
	"slices"
	"strings"

	"github.com/distribution/reference"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// in reports whether a repository is known to have the image in its final form.
func (e entry) in(repo reference.Named) bool {
	return !e.converted && e.from.Repo != nil && e.from.Repo.Name() == repo.Name()
}

// blobs returns the configurations and layers of the image and of its attestations.
func (e entry) blobs() []ocispecs.Descriptor {
	all := append([]ocispecs.Descriptor{e.Manifest.Config}, e.Manifest.Layers...)
	for _, a := range e.Attestations {
		all = append(append(all, a.Manifest.Config), a.Manifest.Layers...)
	}
	return all
}

// part returns the image as a part of the index.
func (e entry) part() index.Part {
	p := index.Part{Descriptor: e.Descriptor, Stored: e.blobs(), Store: e.from.Blobs}
	documents := index.Bodies{e.Descriptor.Digest: e.Body, e.Manifest.Config.Digest: e.ConfigBody}
	for _, a := range e.Attestations {
		p.Attestations = append(p.Attestations, a.Descriptor)
		documents[a.Descriptor.Digest] = a.Body
	}
	p.Documents = documents
	return p
}

// annotate adds the annotations of the entries. It copies the maps of existing entries.
func (p plan) annotate() {
	for i := range p.all {
		own := p.all[i].platform()
		p.all[i].Descriptor.Annotations = with(p.all[i].Descriptor.Annotations, p.req.Annotations.At(index.OnManifestDescriptor, &own))
	}
}

// indexAnnotations returns the annotations of the index: those of the tag or of the only input, and the requested ones.
func (p plan) indexAnnotations(base *Input) map[string]string {
	var annotations map[string]string
	switch {
	case base != nil:
		annotations = base.Tree.Annotations
	case len(p.req.Inputs) == 1:
		annotations = p.req.Inputs[0].Tree.Annotations
	}
	return p.stillMissing(with(annotations, p.req.Annotations.At(index.OnIndex, nil)), base)
}

// stillMissing updates the annotation in which builds list the missing platforms of their indexes.
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
		return with(annotations, map[string]string{manifest.MissingPlatforms: strings.Join(missing, ",")})
	}
	if _, ok := annotations[manifest.MissingPlatforms]; ok {
		annotations = maps.Clone(annotations)
		delete(annotations, manifest.MissingPlatforms)
	}
	return annotations
}

// with returns a copy with more annotations, or the same map if there are none.
func with(annotations, more map[string]string) map[string]string {
	if len(more) == 0 {
		return annotations
	}
	all := map[string]string{}
	maps.Copy(all, annotations)
	maps.Copy(all, more)
	return all
}

// images describes the entries, in the order of the index.
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
